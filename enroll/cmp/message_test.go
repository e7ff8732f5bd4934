package cmp

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/cryptobyte"

	"mohr/ca"
	"mohr/internal/fault"
)

func seeds(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/*.der")
	if err != nil || len(files) != 6 {
		t.Fatalf("%d messages in testdata: %v", len(files), err)
	}
	list := map[string][]byte{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		list[filepath.Base(file)] = b
	}
	return list
}

// readAll reads all that a message may have inside, and gives back the errors.
func readAll(m message) (errs []error) {
	note := func(err error) { errs = append(errs, err) }
	w, err := m.readWish()
	note(err)
	if err == nil {
		_, err := w.form.Parse(w.der)
		note(err)
	}
	_, err = m.readConfirmation()
	note(err)
	_, err = m.readPoll()
	note(err)
	_, _, err = m.readRevocation()
	note(err)
	_, err = m.asksCACerts()
	note(err)
	return errs
}

func TestMessagesOfOpensslAreRead(t *testing.T) {
	all := seeds(t)
	for name, want := range map[string]kind{"ir.der": ir, "p10cr.der": p10cr, "kur.der": kur, "rr.der": rr, "genm.der": genm, "certconf.der": certConf} {
		m, err := parse(all[name])
		if err != nil || m.kind != want || len(m.header.transactionID) != 16 || len(m.header.senderNonce) != 16 || m.header.time.IsZero() {
			t.Errorf("%s: %+v, %v", name, m.header, err)
		}
	}
	for _, name := range []string{"ir.der", "p10cr.der", "certconf.der"} {
		m, err := parse(all[name])
		if err != nil {
			t.Fatal(err)
		}
		c, ok := parseMAC(m.header.algorithm, m.header.params)
		mac, err := c.of([]byte("seed"), m.protected)
		if !ok || err != nil || !bytes.Equal(mac, m.protection) {
			t.Errorf("the MAC of %s: %x, want %x, %v", name, mac, m.protection, err)
		}
	}
	m, err := parse(all["kur.der"])
	if err != nil {
		t.Fatal(err)
	}
	w, err := m.readWish()
	if err != nil || w.form != ca.CRMF || w.old == nil {
		t.Fatalf("kur: %+v, %v", w, err)
	}
	m, err = parse(all["rr.der"])
	if err != nil {
		t.Fatal(err)
	}
	if serial, reason, err := m.readRevocation(); err != nil || reason != 1 || serial.Cmp(w.old) != 0 { // both are about one certificate
		t.Errorf("rr: %s %d %v", serial, reason, err)
	}
}

// FuzzMessage: whatever comes in is read or refused with a fault, and what is
// read of MACs is written back the same.
func FuzzMessage(f *testing.F) {
	for _, b := range seeds(f) {
		f.Add(b)
	}
	f.Add([]byte(nil))
	f.Add([]byte{0x30, 0x80})
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := parse(raw)
		if err != nil {
			if _, ok := fault.Of(err); !ok {
				t.Fatalf("no fault: %v", err)
			}
			return
		}
		for _, err := range readAll(m) {
			if _, ok := fault.Of(err); err != nil && !ok {
				t.Fatalf("no fault: %v", err)
			}
		}
		if c, ok := parseMAC(m.header.algorithm, m.header.params); ok {
			out, err := build(func(b *cryptobyte.Builder) { c.addTo(b) })
			if err != nil {
				t.Fatal(err)
			}
			in := cryptobyte.String(out)
			oid, params, _ := readAlgorithm(&in)
			again, ok := parseMAC(oid, params)
			if !ok || again.iterations != c.iterations || !bytes.Equal(again.salt, c.salt) || again.owf != c.owf || again.hash != c.hash || again.keyLength != c.keyLength {
				t.Fatalf("%+v became %+v", c, again)
			}
		}
	})
}
