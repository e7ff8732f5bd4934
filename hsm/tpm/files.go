package tpm

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"

	"go.step.sm/crypto/tpm/storage"

	"mohr/hsm/keyfile"
)

// keyFiles is the directory of keys as the KMS reads it. What it is not asked
// for here (attestation keys, lists, changes) it does not have.
type keyFiles struct {
	storage.TPMStore
	dir string
}

func newKeyFiles(dir string) keyFiles { return keyFiles{storage.BlackHole(), dir} }

// path is where the KMS's own directory store would put the key.
func (f keyFiles) path(name string) string { return filepath.Join(f.dir, "key-"+name+".tpmobj") }

// GetKey reads the file of a key.
func (f keyFiles) GetKey(name string) (*storage.Key, error) {
	b, err := keyfile.Read(f.path(name), keyfile.Limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, storage.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	key := &storage.Key{}
	if err := json.Unmarshal(b, key); err != nil || key.Name != name {
		return nil, keyfile.ErrBroken()
	}
	return key, nil
}
