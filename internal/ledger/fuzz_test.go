package ledger_test

import (
	"encoding/json"
	"strings"
	"testing"

	"mohr/internal/fault"
	"mohr/internal/ledger"
)

func FuzzParseProof(f *testing.F) {
	s := openStore(f)
	l := openLog(f, s, newKey(f))
	appendEvents(f, s, 0, 5)
	sequence(f, l)
	good := prove(f, l, 3)
	b, err := json.Marshal(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(append(b, b...))
	f.Add([]byte(`{"leaf":"","leaf":"","index":0,"size":0,"hashes":[],"checkpoint":""}`))
	f.Add([]byte(`{"leaf":"","index":9223372036854775807,"size":-1,"hashes":[null],"checkpoint":"\n\n"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ledger.ParseProof(b)
		if err != nil {
			if fault.Code(err) != "log_proof_malformed" {
				t.Fatalf("ParseProof: %v", err)
			}
			return
		}
		if p.Verify(l.VerifierKey()) != nil {
			return
		}
		// Whatever holds must speak of a leaf that was appended.
		e, err := p.Event()
		if err != nil {
			t.Fatalf("a leaf that is no event has a proof: %q", p.Leaf)
		}
		if id, _ := e.ID(); id != idOf(t, p) {
			t.Fatal("the event has another id than its leaf")
		}
	})
}

func idOf(t *testing.T, p ledger.Proof) string {
	for i := range 5 {
		if leaf, _ := event(i).Leaf(); string(leaf) == string(p.Leaf) {
			return id(t, i)
		}
	}
	t.Fatalf("a leaf that was never appended has a proof: %q", p.Leaf)
	return ""
}

func FuzzOpenCheckpoint(f *testing.F) {
	s := openStore(f)
	l := openLog(f, s, newKey(f))
	appendEvents(f, s, 0, 5)
	c := sequence(f, l)
	f.Add(c.Note, l.VerifierKey())
	f.Add(strings.Replace(c.Note, "\n5\n", "\n5\nextension\n", 1), l.VerifierKey())
	f.Add("a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— a AAAAAAA=\n", "a+00000000+Ag==")
	f.Fuzz(func(t *testing.T, signed, vkey string) {
		got, err := ledger.OpenCheckpoint(signed, vkey)
		if err != nil {
			return
		}
		if vkey == l.VerifierKey() && (got.Size != c.Size || got.Root != c.Root || got.Origin != c.Origin) {
			t.Fatalf("a checkpoint that was never signed is taken: %+v", got)
		}
	})
}

func TestAProofIsReadStrictly(t *testing.T) {
	s := openStore(t)
	l := openLog(t, s, newKey(t))
	appendEvents(t, s, 0, 5)
	sequence(t, l)
	b, err := json.Marshal(prove(t, l, 2))
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	if p, err := ledger.ParseProof(b); err != nil || p.Verify(l.VerifierKey()) != nil {
		t.Fatalf("ParseProof: %v", err)
	}
	tests := []struct{ name, proof string }{
		{"nothing", ""},
		{"trailing bytes", good + "{}"},
		{"a member twice", strings.Replace(good, `"index":2`, `"index":2,"index":2`, 1)},
		{"an unknown member", strings.Replace(good, `"index":2`, `"index":2,"extra":2`, 1)},
		{"a member in capitals", strings.Replace(good, `"index"`, `"INDEX"`, 1)},
		{"a missing member", strings.Replace(good, `"index":2,`, ``, 1)},
		{"a number with a fraction", strings.Replace(good, `"index":2`, `"index":2.5`, 1)},
		{"too long", good + strings.Repeat(" ", 300<<10)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := ledger.ParseProof([]byte(test.proof)); fault.Code(err) != "log_proof_malformed" {
				t.Errorf("ParseProof: %v, want log_proof_malformed", err)
			}
		})
	}
}

// FuzzParseConsistency: what is read is written back to what reads the same.
func FuzzParseConsistency(f *testing.F) {
	f.Add([]byte(`{"from":1,"size":2,"hashes":["AAAA"],"checkpoint":"x"}`))
	f.Add([]byte(`{"from":1,"from":1,"size":2,"hashes":[],"checkpoint":""}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ledger.ParseConsistency(b)
		if err != nil {
			return
		}
		again, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		q, err := ledger.ParseConsistency(again)
		if err != nil || q.From != p.From || q.Size != p.Size || len(q.Hashes) != len(p.Hashes) || q.Checkpoint != p.Checkpoint {
			t.Errorf("%q reads as %+v, written back as %+v, %v", b, p, q, err)
		}
	})
}
