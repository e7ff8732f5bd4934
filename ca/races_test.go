package ca_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
	"mohr/internal/nonce"
	"mohr/internal/store"
	"mohr/internal/store/pgtest"
)

var races = flag.Int("races", 60, "how often nodes race for one nonce, one request and one serial")

// What the second process is told: the database and the directory of the keys.
const raceURL, raceDir = "MOHR_TEST_RACE_URL", "MOHR_TEST_RACE_DIR"

// teams is how many goroutines of a node race at once.
const teams = 2

// racer is a node: a store with an authority of its own, as a process of the service has.
type racer struct {
	*catest.Fixture
	name   string
	order  ca.Order
	nonces *nonce.Source
}

// race is what all fight for.
type race struct {
	Number int    `json:"number"`
	Nonce  string `json:"nonce"`
}

// outcome is what a goroutine came home with.
type outcome struct {
	Nonce  bool   `json:"nonce"`  // it was the one to use it
	Serial bool   `json:"serial"` // it was the one to take it
	Issued string `json:"issued"` // the certificate that the request yielded
	Error  string `json:"error"`  // what no race ends with
}

func openNode(t *testing.T, name, url, dir string) *racer {
	t.Helper()
	s, err := store.OpenPostgres(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	keys := &catest.Keys{Dir: dir}
	return &racer{catest.On(t, s, keys, nil), name, crashOrder(t, keys), &nonce.Source{Key: make([]byte, 32)}}
}

// run lets the node's goroutines race; each begins with another of the three.
func (n *racer) run(t *testing.T, r race) []outcome {
	list := make([]outcome, teams)
	var all sync.WaitGroup
	for i := range list {
		all.Go(func() {
			legs := []func(*outcome) error{
				func(o *outcome) (err error) { o.Nonce, err = n.use(t, r.Nonce); return err },
				func(o *outcome) (err error) { o.Issued, err = n.issue(t, r.Number); return err },
				func(o *outcome) (err error) { o.Serial, err = n.take(t, r.Number, i); return err },
			}
			for leg := range legs {
				if err := legs[(leg+r.Number)%len(legs)](&list[i]); err != nil {
					list[i].Error += err.Error() + "; "
				}
			}
		})
	}
	all.Wait()
	return list
}

func (n *racer) use(t *testing.T, text string) (won bool, err error) {
	c, err := n.nonces.Redeemable("race", text)
	if err != nil {
		return false, err
	}
	err = n.Store.Update(t.Context(), c.Use)
	if fault.Code(err) == "nonce_used" {
		return false, nil
	}
	return err == nil, err
}

func (n *racer) issue(t *testing.T, number int) (serial string, err error) {
	o := n.order
	o.Request = fmt.Sprintf("race-%d", number)
	c, err := n.Issue(t.Context(), o)
	return c.Serial, err
}

func (n *racer) take(t *testing.T, number, i int) (won bool, err error) {
	o := n.order
	o.Request = fmt.Sprintf("serial-%d-%s-%d", number, n.name, i)
	err = n.TakeSerial(t.Context(), o, fmt.Sprintf("7f%08x", number))
	if errors.Is(err, ca.ErrSerialTaken) {
		return false, nil
	}
	return err == nil, err
}

// TestRaceChild is the second process; it does nothing unless told to.
func TestRaceChild(t *testing.T) {
	url := os.Getenv(raceURL)
	if url == "" {
		return
	}
	n, out := openNode(t, "child", url, os.Getenv(raceDir)), json.NewEncoder(os.Stdout)
	fmt.Println("begin")
	for in := json.NewDecoder(os.Stdin); ; {
		var r race
		if err := in.Decode(&r); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		for _, o := range n.run(t, r) {
			if err := out.Encode(o); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// child is the second process, to its parent.
type child struct {
	in  *json.Encoder
	out *json.Decoder
}

func startChild(t *testing.T, url, dir string) child {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestRaceChild$")
	cmd.Env = append(os.Environ(), raceURL+"="+url, raceDir+"="+dir)
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the second process: %v", err)
		}
	})
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal("the second process did not begin: ", err)
		}
		if strings.TrimSpace(line) == "begin" {
			return child{json.NewEncoder(in), json.NewDecoder(lines)}
		}
	}
}

func (c child) run(t *testing.T, r race) []outcome {
	if err := c.in.Encode(r); err != nil {
		t.Error("tell the second process: ", err)
	}
	list := make([]outcome, teams)
	for i := range list {
		if err := c.out.Decode(&list[i]); err != nil {
			t.Error("hear the second process: ", err)
		}
	}
	return list
}

// TestRacesOnPostgreSQLHaveOneWinner lets three nodes in two processes race on
// one database. Many races: go test ./ca -run OneWinner -v -args -races 10000
func TestRacesOnPostgreSQLHaveOneWinner(t *testing.T) {
	t.Parallel() // it waits for the database more than it works
	url, dir := pgtest.Start(t).Database("races"), t.TempDir()
	nodes := []*racer{openNode(t, "first", url, dir), openNode(t, "second", url, dir)}
	other := startChild(t, url, dir)
	begun := time.Now()
	for i := range *races {
		r := race{i, nodes[0].nonces.New("race")}
		list := make([][]outcome, len(nodes)+1)
		var all sync.WaitGroup
		for k, n := range nodes {
			all.Go(func() { list[k] = n.run(t, r) })
		}
		all.Go(func() { list[len(nodes)] = other.run(t, r) })
		all.Wait()
		judge(t, i, append(append(list[0], list[1]...), list[2]...))
		if t.Failed() {
			t.FailNow()
		}
	}
	nodes[0].tally(t)
	t.Logf("%d races of %d goroutines on 3 nodes in 2 processes, in %s: one user of each nonce, one certificate a request, one owner of each serial", *races, teams*3, time.Since(begun).Round(time.Millisecond))
}

// judge looks at one race.
func judge(t *testing.T, number int, list []outcome) {
	t.Helper()
	nonces, serials, issued := 0, 0, map[string]bool{}
	for _, o := range list {
		if o.Error != "" || o.Issued == "" {
			t.Errorf("race %d: %q, certificate %q", number, o.Error, o.Issued)
		}
		issued[o.Issued] = true
		if o.Nonce {
			nonces++
		}
		if o.Serial {
			serials++
		}
	}
	if nonces != 1 || serials != 1 || len(issued) != 1 {
		t.Errorf("race %d: %d used the nonce, %d took the serial, %d certificates for the request", number, nonces, serials, len(issued))
	}
}

// tally counts what is in the store in the end.
func (n *racer) tally(t *testing.T) {
	t.Helper()
	issued, taken := map[string]int{}, 0
	err := n.Store.View(t.Context(), func(tx store.Tx) error {
		return store.Each(tx, "ca_certificates", "", "", func(_ string, c ca.Certificate) error {
			switch {
			case c.State == ca.Issued && strings.HasPrefix(c.Request, "race-"):
				issued[c.Request]++
			case strings.HasPrefix(c.Request, "serial-"):
				taken++
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(issued) != *races || taken != *races {
		t.Errorf("%d requests have a certificate and %d serials are taken, of %d", len(issued), taken, *races)
	}
	for request, count := range issued {
		if count != 1 {
			t.Errorf("%d certificates for %s", count, request)
		}
	}
}
