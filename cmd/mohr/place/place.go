// Package place keeps a holder's key and certificate in a folder, replaced in one step.
//
// The folder has a link, current, to a folder with holder.key and holder.pem.
// A renewal fills another one, to which the link next leads; renaming next to
// current puts both files in place at once. The old folder stays.
package place

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// The files of a pair, and the names of links and marks.
const (
	KeyFile         = "holder.key"
	CertificateFile = "holder.pem"
	current         = "current"
	next            = "next"
	told            = "hook.pending"
)

// Place is such a folder. One process at a time may change it.
type Place string

// Current returns the path of a file of the pair in use.
func (p Place) Current(file string) string { return filepath.Join(string(p), current, file) }

// Next returns the path of a file of the pair to come.
func (p Place) Next(file string) string { return filepath.Join(string(p), next, file) }

// Begin makes the folder of the pair to come, unless there is one already: a
// renewal that was cut off goes on where it was.
func (p Place) Begin(now time.Time) error {
	link := filepath.Join(string(p), next)
	if _, err := os.Stat(link); err == nil || !errors.Is(err, os.ErrNotExist) {
		return err
	}
	name := now.UTC().Format("20060102T150405Z")
	if err := os.Mkdir(filepath.Join(string(p), name), 0o700); err != nil {
		return fmt.Errorf("make the folder of the new key: %w", err)
	}
	return os.Symlink(name, link)
}

// Begun reports whether a renewal is under way.
func (p Place) Begun() bool {
	_, err := os.Lstat(filepath.Join(string(p), next))
	return err == nil
}

// Finish puts the pair to come in the place of the one in use, which stays in
// its folder, and notes that the hook is to be told.
func (p Place) Finish() error {
	for _, file := range []string{KeyFile, CertificateFile, "."} {
		if err := sync(p.Next(file)); err != nil {
			return fmt.Errorf("the new pair is not complete: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(string(p), told), nil, 0o600); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(string(p), next), filepath.Join(string(p), current)); err != nil {
		return err
	}
	return sync(string(p))
}

// sync makes what is written outlast a power failure.
func sync(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Tell runs tell if a new pair came into use that it was not told of; an error
// of it is returned, and it is told again the next time.
func (p Place) Tell(tell func() error) error {
	mark := filepath.Join(string(p), told)
	if _, err := os.Stat(mark); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err := tell(); err != nil {
		return err
	}
	return os.Remove(mark)
}
