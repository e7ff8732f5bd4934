package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/tlog"

	"mohr/internal/ledger"
)

// logProve is one run of mohr log prove.
type logProve struct {
	logFlags
	from string
}

func logProveCommand() *cobra.Command {
	var f logProve
	c := &cobra.Command{
		Use: "prove [ID]", Short: "Fetch and check the proof that an entry is in the log, or that the log only grew",
		Example: `  mohr log prove 5f1c...             # the hex SHA-256 of the entry, as receipts name it
  mohr log prove --from 1200         # the log begins with the tree it had at 1200 entries
  mohr log prove --from old.checkpoint --json`,
		Args: func(c *cobra.Command, args []string) error {
			if f.from == "" {
				return exactly(1)(c, args)
			}
			return exactly(0)(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			log, err := f.open(c.Flags().Changed("root"))
			if err != nil {
				return err
			}
			if f.from != "" {
				return f.growth(c, log)
			}
			return f.entry(c, log, args[0])
		},
	}
	f.register(c.Flags())
	c.Flags().StringVar(&f.from, "from", "", "number of entries the log had, or a file with the checkpoint it had")
	return c
}

func (f *logProve) entry(c *cobra.Command, log ledger.Public, id string) error {
	b, err := log.Fetch(c.Context(), "proof/"+url.PathEscape(id))
	if err != nil {
		return err
	}
	proof, err := ledger.ParseProof(b)
	if err != nil {
		return err
	}
	if err := proof.Verify(log.Key); err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(c.OutOrStdout()).Encode(proof)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "entry %d of %d is in the log: %s\n", proof.Index, proof.Size, proof.Leaf)
	return err
}

// growth proves that the log extends what it was. The older root comes from a
// checkpoint, or, where only a number is given, out of the log's own tiles.
func (f *logProve) growth(c *cobra.Command, log ledger.Public) error {
	size, root, err := f.older(log.Key)
	if err != nil {
		return err
	}
	b, err := log.Fetch(c.Context(), fmt.Sprintf("consistency/%d", size))
	if err != nil {
		return err
	}
	proof, err := ledger.ParseConsistency(b)
	if err != nil {
		return err
	}
	if root == nil {
		newest, err := ledger.OpenCheckpoint(proof.Checkpoint, log.Key)
		if err != nil {
			return err
		}
		at, err := log.RootAt(c.Context(), newest, size)
		if err != nil {
			return err
		}
		root = &at
	}
	if proof.From != size {
		return errors.New("the log sent a proof from another size")
	}
	if err := proof.VerifyRoot(log.Key, *root); err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(c.OutOrStdout()).Encode(proof)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "the log of %d entries begins with its first %d, root %s\n", proof.Size, proof.From, root)
	return err
}

func (f *logProve) older(vkey string) (size int64, root *tlog.Hash, err error) {
	if size, err = strconv.ParseInt(f.from, 10, 64); err == nil {
		return size, nil, nil
	}
	c, err := readCheckpoint(f.from, vkey)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil, usageError{fmt.Errorf("--from %s is neither a number nor a file", f.from)}
	}
	return c.Size, &c.Root, err
}
