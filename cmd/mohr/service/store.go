package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"mohr/internal/store"
)

const (
	// embeddedFile is the embedded store in a data directory.
	embeddedFile = "mohr.db"
	// storeFile is in the data directory of a service whose store is a
	// database, and names that: commands upon the directory find the same store.
	storeFile = "store"
)

// OpenStore opens the store of a data directory: the database at the URL; if
// that is "", the one that the service which has this directory uses; or else
// the embedded store. With fresh the embedded one may come into being; without
// it a missing one is an error.
func OpenStore(ctx context.Context, data, url string, fresh bool) (store.Store, error) {
	if url == "" {
		b, err := os.ReadFile(filepath.Join(data, storeFile))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		url = strings.TrimSpace(string(b))
	}
	if url != "" {
		return store.OpenPostgres(ctx, url)
	}
	file := filepath.Join(data, embeddedFile)
	if _, err := os.Stat(file); err != nil && !fresh {
		return nil, fmt.Errorf("%w: %w", NoStore(data), err)
	}
	return store.OpenBolt(file)
}

// openStore opens the store that the configuration names. A data directory
// that has keys and no store is refused: going on would begin a second
// register and a second log under the keys of the first.
func (c *Config) openStore(ctx context.Context) (store.Store, error) {
	keys, err := filepath.Glob(filepath.Join(c.Data, "keys", "*.pem"))
	if err != nil {
		return nil, err
	}
	s, err := OpenStore(ctx, c.Data, c.Store, len(keys) == 0)
	if c.Store == "" && errors.Is(err, fs.ErrNotExist) { // the socket of a database that is away is not there either
		return nil, fmt.Errorf("%s has keys, but its store %s is missing: restore it from a backup, or move the directory away to begin anew", c.Data, embeddedFile)
	}
	if err != nil || c.Store == "" {
		return s, err
	}
	if err := c.bind(ctx, s, len(keys) > 0); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// bind makes the data directory one that belongs to the database. keyed says
// that it has keys: then the database has been begun, and the directory has no
// store of its own.
func (c *Config) bind(ctx context.Context, s store.Store, keyed bool) error {
	if _, err := os.Stat(filepath.Join(c.Data, embeddedFile)); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("%s has a store of its own; copy it to the database (mohr store copy) and move %s away", c.Data, embeddedFile), err)
	}
	if keyed {
		var begun bool
		err := s.View(ctx, func(tx store.Tx) (err error) {
			begun, err = store.Has(tx, groundBucket, secretKey)
			return err
		})
		if err != nil {
			return err
		}
		if !begun {
			return fmt.Errorf("%s has keys, but the database is empty: restore it, or move the directory away to begin anew", c.Data)
		}
	}
	return os.WriteFile(filepath.Join(c.Data, storeFile), []byte(c.Store+"\n"), 0o600)
}

// InDatabase reports whether the data directory belongs to a database.
func InDatabase(data string) bool {
	_, err := os.Stat(filepath.Join(data, storeFile))
	return err == nil
}

// statusFile is in the data directory of a node with the one role status.
const statusFile = "status.db"

// NoStore says where the records are of a data directory that has no store of
// its own.
func NoStore(data string) error {
	_, err := os.Stat(filepath.Join(data, statusFile))
	switch {
	case InDatabase(data):
		return fmt.Errorf("the records of %[1]s are in a database; say its URL, which is in %[1]s/%[2]s", data, storeFile)
	case err == nil:
		return fmt.Errorf("%s is of a status node, which keeps no records; use the data directory of a node that writes, or the URL of its database, and /readyz and /metrics of the node's listener ops for its health", data)
	}
	return fmt.Errorf("no store in %s", data)
}

// hasStore is an error unless a service has been begun in the data directory.
func (c *Config) hasStore() error {
	for _, name := range []string{embeddedFile, storeFile} {
		if _, err := os.Stat(filepath.Join(c.Data, name)); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", NoStore(c.Data), fs.ErrNotExist)
}

// hasKeys is an error for the data directory of a node that has others sign: it
// has keys in files, and none that issues.
func (c *Config) hasKeys() error {
	all, err := filepath.Glob(filepath.Join(c.Data, "keys", "*.pem"))
	issuing, err2 := filepath.Glob(filepath.Join(c.Data, "keys", "sign-*.pem"))
	if err := errors.Join(err, err2); err != nil || len(all) == 0 || len(issuing) > 0 || !InDatabase(c.Data) {
		return err
	}
	return fmt.Errorf("%s is of a node without issuing keys: run this in the data directory of a node with the role ca; this one tells of itself while it runs, at /readyz and /metrics of its listener ops", c.Data)
}
