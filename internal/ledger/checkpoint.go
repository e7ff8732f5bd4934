package ledger

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"mohr/internal/fault"
	"mohr/internal/store"
)

// maxCheckpoint bounds a signed checkpoint: a log's signature is 100 octets,
// but witnesses may have added theirs.
const maxCheckpoint = 64 << 10

// Checkpoint is the signed head of the tree (C2SP tlog-checkpoint).
type Checkpoint struct {
	Origin string    // the log's name
	Size   int64     // number of leaves
	Root   tlog.Hash // Merkle tree hash (RFC 6962 section 2.1)
	Note   string    // the signed note, as published
}

// OpenCheckpoint verifies a signed checkpoint. The signer's name must be the
// origin, and extension lines are refused: both stricter than tlog-checkpoint,
// and so are all checkpoints of this service.
func OpenCheckpoint(signed, vkey string) (Checkpoint, error) {
	v, err := parseVkey(vkey)
	if err != nil {
		return Checkpoint{}, err
	}
	return openCheckpoint(signed, v)
}

func openCheckpoint(signed string, v *noteVerifier) (Checkpoint, error) {
	c, err := readCheckpoint(signed, v)
	if err != nil {
		return Checkpoint{}, fault.New(fault.Invalid, "log_checkpoint_invalid", "this checkpoint is not one of the log %s (%v); fetch it again from the log", v.name, err)
	}
	return c, nil
}

func readCheckpoint(signed string, v *noteVerifier) (Checkpoint, error) {
	if len(signed) > maxCheckpoint {
		return Checkpoint{}, errors.New("too long")
	}
	n, err := note.Open([]byte(signed), note.VerifierList(v))
	if err != nil {
		return Checkpoint{}, errors.New("no valid signature by the log's key")
	}
	c, err := parseCheckpoint(n.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	if c.Origin != v.name {
		return Checkpoint{}, errors.New("the origin is not the signer's name")
	}
	c.Note = signed
	return c, nil
}

// text returns what is signed:
//
//	origin LF size LF base64(root) LF
func (c Checkpoint) text() string { return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, c.Root) }

// parseCheckpoint reads what text writes, and nothing else.
func parseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return Checkpoint{}, errors.New("not of three lines")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 {
		return Checkpoint{}, errors.New("the size is not a number")
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return Checkpoint{}, errors.New("the root is not a hash")
	}
	c := Checkpoint{Origin: lines[0], Size: size, Root: tlog.Hash(root)}
	if c.Origin == "" || c.text() != text {
		return Checkpoint{}, errors.New("not in canonical form")
	}
	return c, nil
}

// sign returns the checkpoint as a signed note, which is in the witness file
// then. A signature that does not verify, from a token that lost its mind, is
// an error; a head that lacks what the witness file has is never signed.
func (l *Log) sign(ctx context.Context, head treeHead) (Checkpoint, error) {
	c := Checkpoint{Origin: l.Origin, Size: head.Size, Root: head.Root}
	if err := l.compareWitness(ctx); err != nil {
		return c, err
	}
	signers := []note.Signer{l.signer}
	if l.second != nil {
		signers = append(signers, l.second)
	}
	b, err := note.Sign(&note.Note{Text: c.text()}, signers...)
	if err != nil {
		return c, fmt.Errorf("sign checkpoint of size %d: %w", head.Size, err)
	}
	v, err := parseVkey(l.VerifierKey())
	if err != nil {
		return c, err
	}
	if _, err := readCheckpoint(string(b), v); err != nil {
		return c, fmt.Errorf("verify own checkpoint of size %d: %w", head.Size, err)
	}
	c.Note = string(b)
	return c, l.writeWitness(c.Note)
}

// Published returns the newest checkpoint of a store without the log's key,
// opened with the verifier key.
func Published(ctx context.Context, s store.Store, vkey string) (c Checkpoint, err error) {
	var r checkpointRecord
	var ok bool
	err = s.View(ctx, func(tx store.Tx) error {
		r, ok, err = loadCheckpoint(tx)
		return err
	})
	switch {
	case err != nil:
		return c, err
	case !ok:
		return c, errNoCheckpoint()
	}
	return OpenCheckpoint(r.Note, vkey)
}
