package backup

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Members of the tar, in this order. The manifest comes last: the hash is
// known only when the store has gone through.
const (
	storeMember    = "mohr.db"
	manifestMember = "manifest.json"
)

const (
	format      = "mohr-backup/1"
	maxManifest = 64 << 10
)

// Manifest says what a backup holds.
type Manifest struct {
	Format     string    `json:"format"`
	MadeAt     time.Time `json:"made_at"` // UTC, whole seconds
	Size       int64     `json:"size"`    // of the store's file, octets
	SHA256     string    `json:"sha256"`  // of it, lower-case hex
	LogKey     string    `json:"log_key"` // verifier key of the log, for people: what is trusted comes from elsewhere
	Checkpoint string    `json:"checkpoint"`
}

func (m Manifest) marshal() ([]byte, error) {
	b, err := json.Marshal(m)
	if err == nil && len(b) > maxManifest {
		err = errors.New("manifest is too long")
	}
	return b, err
}

// parseManifest reads a manifest: every member once and no other.
func parseManifest(b []byte) (Manifest, error) {
	var m Manifest
	if len(b) > maxManifest {
		return m, errors.New("its manifest is too long")
	}
	if err := json.Unmarshal(b, &m, json.RejectUnknownMembers(true)); err != nil {
		return m, fmt.Errorf("its manifest is not the expected JSON: %w", err)
	}
	switch {
	case m.Format != format:
		return m, fmt.Errorf("its format is %q, not %s", m.Format, format)
	case m.Size <= 0 || len(m.SHA256) != 64 || strings.Trim(m.SHA256, "0123456789abcdef") != "" || m.Checkpoint == "":
		return m, errors.New("its manifest is not complete")
	}
	return m, nil
}
