// Package place keeps a holder's key and certificate in a folder, replaced in one step.
//
// The folder has a link, current, to a folder with holder.key and holder.pem;
// in place of a key in a token or a TPM there is its URI, in holder.uri. A
// renewal fills another one, to which the link next leads; renaming next to
// current puts both files in place at once. The old folder stays.
package place

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mohr/hsm"
)

// The files of a pair, and the names of links and marks.
const (
	KeyFile         = "holder.key"
	URIFile         = "holder.uri"
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

// Key names the key of the pair in use: the path of its file, or its URI where
// it lives in a token or a TPM.
func (p Place) Key() (string, error) {
	b, err := os.ReadFile(p.Current(URIFile))
	if errors.Is(err, os.ErrNotExist) {
		return p.Current(KeyFile), nil
	}
	return strings.TrimSpace(string(b)), err
}

// NextKey names the key of the pair to come as Key does, once that was begun:
// always the same one for one renewal. The key itself is not made.
func (p Place) NextKey() (string, error) {
	uri, err := p.Key()
	if err != nil || uri == p.Current(KeyFile) {
		return p.Next(KeyFile), err
	}
	name, err := os.Readlink(filepath.Join(string(p), next))
	if err != nil {
		return "", err
	}
	begun, err := time.Parse(stamp, filepath.Base(name))
	if err != nil {
		return "", fmt.Errorf("the link next leads to no folder of a renewal; remove it to begin anew: %w", err)
	}
	if uri, err = hsm.SuccessorURI(uri, begun); err != nil {
		return "", fmt.Errorf("%s: %w", p.Current(URIFile), err)
	}
	return uri, WriteWhole(p.Next(URIFile), []byte(uri+"\n"), 0o600)
}

// stamp is how the folder of a renewal is named after its time.
const stamp = "20060102T150405Z"

// Begin makes the folder of the pair to come, unless there is one already: a
// renewal that was cut off goes on where it was.
func (p Place) Begin(now time.Time) error {
	link := filepath.Join(string(p), next)
	if _, err := os.Stat(link); err == nil || !errors.Is(err, os.ErrNotExist) {
		return err
	}
	name := now.UTC().Format(stamp)
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
	key := KeyFile
	if _, err := os.Stat(p.Next(URIFile)); err == nil {
		key = URIFile
	}
	for _, file := range []string{key, CertificateFile, "."} {
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

// WriteWhole writes a file that is there whole or not at all.
func WriteWhole(path string, b []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // is gone once it was renamed
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close(), os.Chmod(f.Name(), mode)); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
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
