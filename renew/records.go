package renew

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"mohr/ca"
	"mohr/ca/evidence"
	"mohr/internal/ledger"
	"mohr/internal/seal"
	"mohr/internal/store"
)

// Buckets of this room.
const (
	renewalBucket = "renew_renewals"  // request -> record
	noticeBucket  = "renew_notices"   // request -> notice: the message to the holder is still to be sent
	toldBucket    = "renew_told"      // serial -> days of the last reminder, sent or owed
	owedBucket    = "renew_reminders" // serial/days -> reminder: still to be sent
	walkBucket    = "renew_walk"      // walkKey -> serial up to which reminders were looked for
)

// record is what is kept of a renewal, from the transaction of the intent on.
type record struct {
	Request  string      `json:"request"`
	Old      string      `json:"old"` // serial
	At       time.Time   `json:"at"`
	Policy   string      `json:"policy"`   // version
	Evidence []string    `json:"evidence"` // hex SHA-256 of each record counted
	Papers   seal.Sealed `json:"papers"`   // papers as JSON
}

// papers are the personal part of a renewal: all that it rests on, as
// received, to be shown for years (EN 319 411-1, REG-6.4.5).
type papers struct {
	Protocol  string            `json:"protocol,omitempty"` // by which the key was shown; "": by Statement over Document
	Statement []byte            `json:"statement"`
	Document  []byte            `json:"document"`
	Form      ca.RequestFormat  `json:"form,omitempty"`
	CSR       []byte            `json:"csr"`
	Identity  evidence.Identity `json:"identity"`
	Records   []evidence.Record `json:"records"`
	Answers   [][]byte          `json:"answers"`
	Trace     []evidence.Step   `json:"trace"`
}

// notice says that the holder is still to be told.
type notice struct {
	Locale string    `json:"locale"`
	Since  time.Time `json:"since"`
}

// keeping is a record and a notice ready to be saved.
type keeping struct {
	record record
	notice notice
}

// keep seals the papers of a renewal; nothing is written yet.
func (d *Desk) keep(w Wish, a authenticated, g gathered, decision evidence.Decision) (keeping, error) {
	b, err := json.Marshal(papers{
		Protocol: w.protocol, Form: w.form, Statement: w.Statement, Document: w.Document, CSR: w.CSR, Identity: decision.Identity(),
		Records: g.records, Answers: g.raws, Trace: decision.Trace(),
	})
	if err != nil {
		return keeping{}, fmt.Errorf("papers of %s: %w", a.request, err)
	}
	sealed, err := d.Seal.Seal(renewalBucket, a.request, "papers", b)
	if err != nil {
		return keeping{}, fmt.Errorf("papers of %s: %w", a.request, err)
	}
	return keeping{
		record: record{
			Request: a.request, Old: a.old.Serial, At: a.at, Policy: decision.PolicyVersion(),
			Evidence: decision.Evidence(), Papers: sealed,
		},
		notice: notice{Locale: w.Locale, Since: a.at},
	}, nil
}

// save writes record, notice and leaf. The leaf carries a hash of the
// request's name and not the name: who knows that may fetch the certificate.
func (k keeping) save(tx store.Tx) error {
	if err := store.Save(tx, renewalBucket, k.record.Request, k.record); err != nil {
		return err
	}
	if err := store.Save(tx, noticeBucket, k.record.Request, k.notice); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte("mohr renewal\x00" + k.record.Request))
	return ledger.Append(tx, ledger.Event{Kind: "renewal.granted", Subject: k.record.Old, At: k.record.At, Hash: hex.EncodeToString(sum[:])})
}

// papers opens what is kept of a renewal; NotFound if there is nothing, or
// nothing any more.
func (d *Desk) papers(ctx context.Context, request string) (papers, error) {
	var r record
	err := d.Store.View(ctx, func(tx store.Tx) (err error) {
		r, err = store.Load[record](tx, renewalBucket, request)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return papers{}, errUnknown()
	}
	if err != nil {
		return papers{}, err
	}
	b, err := d.Seal.Open(renewalBucket, request, "papers", r.Papers)
	if err != nil {
		return papers{}, err
	}
	var p papers
	if err := json.Unmarshal(b, &p); err != nil {
		return papers{}, fmt.Errorf("papers of %s: %w", request, err)
	}
	return p, nil
}
