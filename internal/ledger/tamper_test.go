package ledger_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"mohr/internal/fault"
	"mohr/internal/ledger"
	"mohr/internal/store"
)

func TestATamperedProofIsRefused(t *testing.T) {
	s := openStore(t)
	l := openLog(t, s, newKey(t))
	appendEvents(t, s, 0, 37)
	sequence(t, l)
	other := openLog(t, openStore(t), newKey(t))
	sequence(t, other)
	tests := []struct {
		name   string
		tamper func(p *ledger.Proof)
		code   string
	}{
		{"a leaf with one bit turned", func(p *ledger.Proof) { p.Leaf[3] ^= 1 }, "log_proof_fails"},
		{"no leaf", func(p *ledger.Proof) { p.Leaf = nil }, "log_proof_fails"},
		{"a leaf that is too long", func(p *ledger.Proof) { p.Leaf = make([]byte, 1<<16) }, "log_proof_fails"},
		{"a hash with one bit turned", func(p *ledger.Proof) { p.Hashes[2][31] ^= 0x80 }, "log_proof_fails"},
		{"a hash cut short", func(p *ledger.Proof) { p.Hashes[1] = p.Hashes[1][:31] }, "log_proof_fails"},
		{"a hash left out", func(p *ledger.Proof) { p.Hashes = p.Hashes[1:] }, "log_proof_fails"},
		{"a hash too many", func(p *ledger.Proof) { p.Hashes = append(p.Hashes, make([]byte, 32)) }, "log_proof_fails"},
		{"hashes without end", func(p *ledger.Proof) {
			for range 100 {
				p.Hashes = append(p.Hashes, make([]byte, 32))
			}
		}, "log_proof_fails"},
		{"two hashes exchanged", func(p *ledger.Proof) { p.Hashes[0], p.Hashes[1] = p.Hashes[1], p.Hashes[0] }, "log_proof_fails"},
		{"the next index", func(p *ledger.Proof) { p.Index++ }, "log_proof_fails"},
		{"an index below zero", func(p *ledger.Proof) { p.Index = -1 }, "log_proof_fails"},
		{"an index outside the tree", func(p *ledger.Proof) { p.Index = p.Size }, "log_proof_fails"},
		{"another size", func(p *ledger.Proof) { p.Size++ }, "log_proof_fails"},
		{"a checkpoint with another size", func(p *ledger.Proof) { p.Checkpoint = strings.Replace(p.Checkpoint, "\n37\n", "\n38\n", 1) }, "log_checkpoint_invalid"},
		{"a checkpoint with a leading zero", func(p *ledger.Proof) { p.Checkpoint = strings.Replace(p.Checkpoint, "\n37\n", "\n037\n", 1) }, "log_checkpoint_invalid"},
		{"a checkpoint of another origin", func(p *ledger.Proof) { p.Checkpoint = strings.Replace(p.Checkpoint, "mohr.test", "mohr.fake", 1) }, "log_checkpoint_invalid"},
		{"a checkpoint by another key", func(p *ledger.Proof) {
			c, _ := other.Checkpoint(t.Context())
			p.Checkpoint = c.Note
		}, "log_checkpoint_invalid"},
		{"a checkpoint without signature", func(p *ledger.Proof) { p.Checkpoint, _, _ = strings.Cut(p.Checkpoint, "—") }, "log_checkpoint_invalid"},
		{"no checkpoint", func(p *ledger.Proof) { p.Checkpoint = "" }, "log_checkpoint_invalid"},
		{"a checkpoint without end", func(p *ledger.Proof) { p.Checkpoint += strings.Repeat("— a b\n", 20000) }, "log_checkpoint_invalid"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := prove(t, l, 11)
			if err := p.Verify(l.VerifierKey()); err != nil {
				t.Fatalf("the untouched proof: %v", err)
			}
			test.tamper(&p)
			if err := p.Verify(l.VerifierKey()); fault.Code(err) != test.code || !errors.Is(err, fault.Invalid) {
				t.Errorf("Verify: %v, want %s", err, test.code)
			}
		})
	}
}

func TestATamperedStoreIsFound(t *testing.T) {
	key := newKey(t)
	leafKey := func(i int) string { return fmt.Sprintf("%016x", i) }
	change := func(t *testing.T, s store.Store, bucket, key string, fn func(m map[string]any)) {
		var m map[string]any
		if err := json.Unmarshal(get(t, s, bucket, key), &m); err != nil {
			t.Fatal(err)
		}
		fn(m)
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		put(t, s, bucket, key, b)
	}
	remove := func(t *testing.T, s store.Store, bucket, key string) {
		if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.Delete(bucket, key) }); err != nil {
			t.Fatal(err)
		}
	}
	flip := func(m map[string]any, member string, at int) {
		b, err := base64.StdEncoding.DecodeString(m[member].(string))
		if err != nil {
			t.Fatal(err)
		}
		b[at] ^= 1
		m[member] = base64.StdEncoding.EncodeToString(b)
	}
	tests := []struct {
		name   string
		tamper func(t *testing.T, s store.Store)
	}{
		{"a changed leaf", func(t *testing.T, s store.Store) {
			change(t, s, "ledger_leaves", leafKey(100), func(m map[string]any) { flip(m, "leaf", 9) })
		}},
		{"a leaf changed with its id", func(t *testing.T, s store.Store) {
			b, _ := event(9999).Leaf()
			i, _ := event(9999).ID()
			change(t, s, "ledger_leaves", leafKey(100), func(m map[string]any) { m["leaf"], m["id"] = b, i })
			put(t, s, "ledger_ids", i, []byte("100"))
		}},
		{"a missing leaf", func(t *testing.T, s store.Store) { remove(t, s, "ledger_leaves", leafKey(100)) }},
		{"a missing last leaf", func(t *testing.T, s store.Store) { remove(t, s, "ledger_leaves", leafKey(299)) }},
		{"a leaf behind the tree", func(t *testing.T, s store.Store) {
			put(t, s, "ledger_leaves", leafKey(300), get(t, s, "ledger_leaves", leafKey(1)))
		}},
		{"a missing id", func(t *testing.T, s store.Store) { remove(t, s, "ledger_ids", id(t, 7)) }},
		{"an id with another index", func(t *testing.T, s store.Store) { put(t, s, "ledger_ids", id(t, 7), []byte("8")) }},
		{"a changed hash in a full tile", func(t *testing.T, s store.Store) {
			change(t, s, "ledger_tiles", "00/0000000000000000", func(m map[string]any) { flip(m, "hashes", 77) })
		}},
		{"a changed hash above", func(t *testing.T, s store.Store) {
			change(t, s, "ledger_tiles", "01/0000000000000000", func(m map[string]any) { flip(m, "hashes", 0) })
		}},
		{"a missing partial tile", func(t *testing.T, s store.Store) { remove(t, s, "ledger_tiles", "00/0000000000000001") }},
		{"a head with another root", func(t *testing.T, s store.Store) {
			change(t, s, "ledger_state", "tree", func(m map[string]any) { flip(m, "root", 0) })
		}},
		{"a head with fewer leaves", func(t *testing.T, s store.Store) {
			change(t, s, "ledger_state", "tree", func(m map[string]any) { m["size"] = 299 })
		}},
		{"a checkpoint record that lies", func(t *testing.T, s store.Store) {
			change(t, s, "ledger_state", "checkpoint", func(m map[string]any) { m["size"] = 299 })
		}},
		{"a checkpoint that was edited", func(t *testing.T, s store.Store) {
			change(t, s, "ledger_state", "checkpoint", func(m map[string]any) {
				m["note"] = strings.Replace(m["note"].(string), "\n300\n", "\n299\n", 1)
			})
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := openStore(t)
			l := openLog(t, s, key)
			appendEvents(t, s, 0, 300)
			sequence(t, l)
			if _, err := l.VerifyStore(t.Context()); err != nil {
				t.Fatalf("the untouched store: %v", err)
			}
			test.tamper(t, s)
			if _, err := l.VerifyStore(t.Context()); !errors.Is(err, ledger.ErrDamaged) {
				t.Errorf("VerifyStore: %v, want damaged", err)
			}
		})
	}
}

func TestAProofFromADamagedStoreIsNotHandedOut(t *testing.T) {
	s := openStore(t)
	l := openLog(t, s, newKey(t))
	appendEvents(t, s, 0, 10)
	sequence(t, l)
	tile := get(t, s, "ledger_tiles", "00/0000000000000000")
	put(t, s, "ledger_tiles", "00/0000000000000000", bytes.Replace(tile, tile[20:24], []byte("AAAA"), 1))
	if _, err := l.Prove(t.Context(), id(t, 8)); !errors.Is(err, ledger.ErrDamaged) {
		t.Errorf("Prove: %v, want damaged", err)
	}
}

func TestAVerifierKeyIsReadStrictly(t *testing.T) {
	l := openLog(t, openStore(t), newKey(t))
	vkey := l.VerifierKey()
	c := sequence(t, l)
	if got, err := ledger.OpenCheckpoint(c.Note, vkey); err != nil || got != c {
		t.Fatalf("OpenCheckpoint: %+v, %v", got, err)
	}
	name, rest, _ := strings.Cut(vkey, "+")
	hash, blob, _ := strings.Cut(rest, "+")
	tests := []struct{ name, vkey string }{
		{"nothing", ""},
		{"two parts", name + "+" + hash},
		{"no name", "+" + hash + "+" + blob},
		{"a name with a space", name + " x+" + hash + "+" + blob},
		{"another id", name + "+00000000+" + blob},
		{"an id of nine digits", name + "+" + hash + "0+" + blob},
		{"a key cut short", name + "+" + hash + "+" + blob[:len(blob)-8]},
		{"a key of another type", name + "+" + hash + "+B" + blob[1:]},
		{"a key with a line break", name + "+" + hash + "+" + blob[:10] + "\n" + blob[10:]},
		{"too long a key", name + "+" + hash + "+" + blob + strings.Repeat("A", 2000)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := ledger.OpenCheckpoint(c.Note, test.vkey); fault.Code(err) != "log_key_invalid" {
				t.Errorf("OpenCheckpoint: %v, want log_key_invalid", err)
			}
		})
	}
}
