package bench

import (
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/crypto/ocsp"

	"mohr/cmd/mohr/bench/load"
)

// Size is what the service costs with so many certificates in its store.
// Each figure is the median over the runs, which alternate between the sizes.
type Size struct {
	Records int          `json:"records"`
	Start   float64      `json:"start_seconds"` // to the ready line
	Store   float64      `json:"store_mib"`     // the file
	Issue   load.Measure `json:"issue"`
	OCSP    load.Measure `json:"ocsp"`           // signed on demand, for certificates spread over all
	Revoke  load.Measure `json:"revoke"`         // by code
	CRL     load.Measure `json:"crl"`            // the first CRL after a revocation, one client
	Lookup  load.Measure `json:"lookup"`         // the page that says what the certificate of a serial is, one after the other
	Record  load.Measure `json:"record"`         // the record page of a shop with one in a hundred of the complaints
	Backup  float64      `json:"backup_seconds"` // the quickest
	runs    []map[string]load.Measure
}

// Fill fills a store for each size, in directories of dir; the smaller ones go
// into the larger ones. A second call goes on where the first one stopped.
func Fill(ctx context.Context, c Config, dir string, sizes []int) error {
	last := ""
	for _, n := range slices.Sorted(slices.Values(sizes)) {
		at := scaleDir(dir, n)
		if err := begin(at, last); err != nil {
			return err
		}
		c.say("a store of %d certificates in %s", n, at)
		if _, err := c.fill(ctx, at, n); err != nil {
			return err
		}
		if err := c.fillComplaints(ctx, at, n); err != nil {
			return err
		}
		last = at
	}
	return nil
}

func scaleDir(dir string, records int) string {
	return filepath.Join(dir, fmt.Sprintf("scale-%d", records))
}

// Scale fills a store for each size and measures the service on it. What is
// filled stays in dir: a second call takes it up.
func Scale(ctx context.Context, c Config, dir string, sizes []int) ([]Size, error) {
	if err := Fill(ctx, c, dir, sizes); err != nil {
		return nil, err
	}
	var list []Size
	for _, n := range slices.Sorted(slices.Values(sizes)) {
		list = append(list, Size{Records: n})
	}
	for run := range c.Runs {
		for i := range list {
			s := &list[i]
			c.say("%d certificates, run %d of %d", s.Records, run+1, c.Runs)
			if err := s.run(ctx, c, scaleDir(dir, s.Records)); err != nil {
				return nil, fmt.Errorf("with %d certificates: %w", s.Records, err)
			}
			if err := s.readers(ctx, c, scaleDir(dir, s.Records)); err != nil {
				return nil, fmt.Errorf("with %d certificates: %w", s.Records, err)
			}
		}
	}
	for i := range list {
		list[i].sum()
	}
	return list, nil
}

// begin makes the directory of a size with what the next smaller one holds,
// what a tour left with it included, unless it is there.
func begin(dir, smaller string) error {
	if _, err := os.Stat(filepath.Join(dir, stockFile)); err == nil || smaller == "" {
		return os.MkdirAll(dir, 0o700)
	}
	if err := os.RemoveAll(dir); err != nil { // a copy that was cut short
		return err
	}
	for _, part := range []string{"data", artifactsDir} {
		if err := copyTree(filepath.Join(dir, part), filepath.Join(smaller, part)); err != nil && !(part == artifactsDir && errors.Is(err, fs.ErrNotExist)) {
			return fmt.Errorf("copy the smaller store: %w", err)
		}
	}
	b, err := os.ReadFile(filepath.Join(smaller, stockFile))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, stockFile), b, 0o600)
}

// copyTree copies a directory with the modes of its files: keys stay private.
func copyTree(to, from string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	return filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		return os.Chmod(filepath.Join(to, inside), info.Mode().Perm())
	})
}

// crlTurns is how many CRLs a run waits for.
const crlTurns = 30

// run is one run of all loads on one size.
func (s *Size) run(ctx context.Context, c Config, dir string) error {
	begun := time.Now()
	w, err := Open(ctx, c, dir, PeopleFor(c.Count))
	if err != nil {
		return err
	}
	defer w.Close()
	s.Start = time.Since(begun).Seconds()
	if info, err := os.Stat(filepath.Join(dir, "data", "mohr.db")); err == nil {
		s.Store = float64(info.Size()) / (1 << 20)
	}
	known, err := readStock(dir)
	if err != nil {
		return err
	}
	list, _, err := w.Approve(ctx, c.Count)
	if err != nil {
		return err
	}
	if err := w.Settle(ctx); err != nil {
		return err
	}
	m := map[string]load.Measure{}
	s.runs = append(s.runs, m)
	charged := func(name string, d load.Door, next func() (load.Call, bool), limit time.Duration) (err error) {
		m[name], err = load.Load{Door: d, Next: next}.Charged(ctx, w.ops, w.Clients, limit)
		return err
	}
	if err := charged("issue", w.portal, load.Each(list, w.submission), w.Duration); err != nil {
		return err
	}
	if err := w.Settle(ctx); err != nil {
		return err
	}
	// What was not issued in the time given can be neither asked for nor revoked.
	list = slices.DeleteFunc(list, func(a *applicant) bool { return a.issued == nil })
	if len(list) <= crlTurns {
		return fmt.Errorf("only %d certificates were issued in %s and more than %d are needed; give a longer --duration", len(list), w.Duration, crlTurns)
	}
	asked, err := w.lookUps(list[0], known.Serials)
	if err != nil {
		return err
	}
	if err := charged("ocsp", w.plain, asked, min(w.Duration, bareTime)); err != nil {
		return err
	}
	if err := charged("revoke", w.portal, load.Each(list[:len(list)-crlTurns], revocation), w.Duration); err != nil {
		return err
	}
	m["crl"], err = w.freshCRLs(ctx, list[len(list)-crlTurns:])
	if err == nil {
		w.say("  issue %.3f ms, ocsp %.3f ms, revoke %.3f ms of processor; a fresh CRL in %.2f ms", m["issue"].CPU, m["ocsp"].CPU, m["revoke"].CPU, m["crl"].P50)
	}
	return err
}

// lookUps are OCSP questions, each with a fresh nonce, for certificates
// spread over the whole store.
func (w *World) lookUps(a *applicant, serials []string) (func() (load.Call, bool), error) {
	if len(serials) == 0 {
		return nil, errors.New("nothing is known of the store's certificates; remove its directory to fill it anew")
	}
	cert, issuer, err := a.chain()
	if err != nil {
		return nil, err
	}
	_, path, err := question(cert, issuer)
	if err != nil {
		return nil, err
	}
	requests := make([][]byte, 0, len(serials))
	for _, i := range rand.Perm(len(serials)) {
		n, ok := new(big.Int).SetString(serials[i], 16)
		if !ok {
			return nil, fmt.Errorf("serial %q", serials[i])
		}
		der, err := ocsp.CreateRequest(&x509.Certificate{SerialNumber: n}, issuer, &ocsp.RequestOptions{Hash: crypto.SHA1})
		if err == nil {
			der, err = withNonce(der)
		}
		if err != nil {
			return nil, err
		}
		requests = append(requests, der)
	}
	return nonced(path, requests), nil
}

// freshCRLs revokes certificates one by one and takes the time until a CRL
// that shows the revocation is there.
func (w *World) freshCRLs(ctx context.Context, list []*applicant) (load.Measure, error) {
	portal, err := w.portal.Dial(ctx)
	if err != nil {
		return load.Measure{}, err
	}
	defer portal.Close()
	plain, err := w.plain.Dial(ctx)
	if err != nil {
		return load.Measure{}, err
	}
	defer plain.Close()
	var took load.Worker
	begun := time.Now()
	for _, a := range list {
		path, err := a.crlPath()
		if err != nil {
			return load.Measure{}, err
		}
		if status, body, err := portal.Do(revocation(a).Request); err != nil || status >= 300 {
			return load.Measure{}, errors.Join(fmt.Errorf("revoke: status %d: %.200s", status, body), err)
		}
		asked := time.Now()
		_, body, err := plain.Do(load.Get(path))
		took.Took = append(took.Took, time.Since(asked))
		if err != nil {
			return load.Measure{}, err
		}
		if err := lists(body, a.issued.Serial); err != nil {
			return load.Measure{}, err
		}
	}
	return load.Sum([]load.Worker{took}, time.Since(begun))
}

// lists reports as an error that a CRL (DER or PEM) does not have the serial.
func lists(crl []byte, serial string) error {
	if block, _ := pem.Decode(crl); block != nil {
		crl = block.Bytes
	}
	l, err := x509.ParseRevocationList(crl)
	if err != nil {
		return fmt.Errorf("crl: %w", err)
	}
	for _, e := range l.RevokedCertificateEntries {
		if e.SerialNumber.Text(16) == serial {
			return nil
		}
	}
	return fmt.Errorf("the crl does not have %s, which was revoked before it was asked for", serial)
}

// sum fills in the medians.
func (s *Size) sum() {
	for name, to := range map[string]*load.Measure{"issue": &s.Issue, "ocsp": &s.OCSP, "revoke": &s.Revoke, "crl": &s.CRL, "lookup": &s.Lookup, "record": &s.Record} {
		var r Result
		for _, m := range s.runs {
			r.Runs = append(r.Runs, Pair{Service: m[name]})
		}
		r.sum()
		*to = r.Median
	}
}

// PrintSizes shows what Scale found.
func PrintSizes(out io.Writer, list []Size) {
	fmt.Fprintf(out, "%10s %10s %9s %9s %22s %22s %22s %14s %22s %22s %9s\n", "records", "store MiB", "start s", "backup s",
		"issue /s, cpu ms", "ocsp signed /s, cpu ms", "revoke /s, cpu ms", "fresh CRL ms", "look up /s, cpu ms", "record /s, cpu ms", "memory")
	for _, s := range list {
		fmt.Fprintf(out, "%10d %10.0f %9.1f %9.1f", s.Records, s.Store, s.Start, s.Backup)
		for _, m := range []load.Measure{s.Issue, s.OCSP, s.Revoke} {
			fmt.Fprintf(out, " %13.0f %8.3f", m.Rate, m.CPU)
		}
		fmt.Fprintf(out, " %14.2f", s.CRL.P50)
		for _, m := range []load.Measure{s.Lookup, s.Record} {
			fmt.Fprintf(out, " %13.0f %8.3f", m.Rate, m.CPU)
		}
		fmt.Fprintf(out, " %9.0f\n", s.OCSP.Memory)
	}
}
