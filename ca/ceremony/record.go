package ceremony

import (
	"context"
	"crypto/x509"
	"fmt"
	"math/big"
	"slices"

	"github.com/go-json-experiment/json"

	"mohr/ca"
	"mohr/ca/ceremony/plan"
	"mohr/internal/fault"
	"mohr/internal/store"
)

// RecordKind says what a record is.
const RecordKind = "mohr-ceremony-record/1"

// maxRecord bounds a record, in octets.
const maxRecord = 8 << 20

// Record is all that a ceremony leaves: it is carried to the service, kept in
// its store, and verified by anybody. Bytes are base64 in JSON.
type Record struct {
	Kind      string      `json:"kind"`
	Plan      []byte      `json:"plan"`      // the file's exact bytes
	Approvals [][]byte    `json:"approvals"` // detached CMS over the plan
	Known     []ca.Member `json:"known"`     // what was there before and is meant: roots that signed, members revoked
	Members   []ca.Member `json:"members"`   // made, in the plan's order
	CRLs      []RootCRL   `json:"crls"`      // made, in the order of their numbers
	Minutes   []byte      `json:"minutes"`   // canonical JSON of Minutes
	// Signatures are detached CMS of the custodians over Minutes.
	Signatures [][]byte `json:"signatures"`
	Stamp      []byte   `json:"stamp,omitempty"` // TimeStampResp (RFC 3161) over the SHA-256 of Minutes
}

// RootCRL is a CRL of a root.
type RootCRL struct {
	Root string `json:"root"`
	DER  []byte `json:"der"`
}

func (r Record) encode() ([]byte, error) {
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	return b, nil
}

// parseRecord reads a record; nothing in it is believed yet.
func parseRecord(b []byte) (r Record, err error) {
	if len(b) > maxRecord {
		return r, errRecord("it is too large")
	}
	if err := json.Unmarshal(b, &r, json.RejectUnknownMembers(true)); err != nil {
		return r, errRecord("it is not one JSON object with exactly the fields of a record")
	}
	if r.Kind != RecordKind {
		return r, errRecord("it is of another kind than " + RecordKind)
	}
	return r, nil
}

func errRecord(why string) error {
	return fault.New(fault.Invalid, "ceremony_record_invalid", "this record of a ceremony does not hold: %v; do not use it", why)
}

// record gathers what the ceremony left in the store.
func (h *hall) record(ctx context.Context, state held) (Record, error) {
	r := Record{
		Kind: RecordKind, Plan: state.Plan, Approvals: list(state.Approvals), Known: []ca.Member{}, Members: []ca.Member{}, CRLs: []RootCRL{},
		Minutes: state.Minutes, Signatures: list(state.Signatures), Stamp: state.Stamp,
	}
	err := h.Store.View(ctx, func(tx store.Tx) error {
		for _, id := range h.order() {
			m, err := ca.LoadMember(tx, id)
			if err != nil {
				return err
			}
			m.Revoked = nil // what became of it later is another ceremony's
			r.Members = append(r.Members, m)
		}
		for _, id := range h.meant() {
			m, err := ca.LoadMember(tx, id)
			if err != nil {
				return err
			}
			m.Revoked = nil
			r.Known = append(r.Known, m)
		}
		for _, s := range h.plan.CRLs {
			for n := range int64(s.Count) {
				der, err := ca.RootCRLNumber(tx, s.Root, state.FirstCRL[s.Root]+n)
				if err != nil {
					return err
				}
				r.CRLs = append(r.CRLs, RootCRL{s.Root, der})
			}
		}
		return nil
	})
	return r, err
}

// meant returns the ids that the plan names and does not make.
func (h *hall) meant() (ids []string) {
	made := h.order()
	add := func(id string) {
		if !slices.Contains(made, id) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, i := range h.plan.Issuers {
		add(i.Root)
	}
	for _, c := range h.plan.Cross {
		add(c.Subject)
		add(c.By)
	}
	for _, r := range h.plan.Revoke {
		add(r.ID)
	}
	for _, s := range h.plan.CRLs {
		add(s.Root)
	}
	return ids
}

// Close adds the custodians' signatures over the minutes, which are counted
// like those over the plan; with them a record may be imported. Closing again
// adds to them.
func Close(ctx context.Context, c Config, record []byte, signatures [][]byte) ([]byte, error) {
	r, err := parseRecord(record)
	if err != nil {
		return nil, err
	}
	p, err := plan.Parse(r.Plan)
	if err != nil {
		return nil, err
	}
	for _, s := range signatures {
		if !slices.ContainsFunc(r.Signatures, func(had []byte) bool { return string(had) == string(s) }) {
			r.Signatures = append(r.Signatures, s)
		}
	}
	if _, err := verify(r, nil); err != nil {
		return nil, err
	}
	err = c.Store.Update(ctx, func(tx store.Tx) error {
		h, found, err := loadHeld(tx, p.SHA256())
		if err != nil {
			return err
		}
		if !found || string(h.Minutes) != string(r.Minutes) {
			return fault.New(fault.Conflict, "ceremony_elsewhere", "this ceremony was not held in this directory; close it where it was held")
		}
		before, err := planBefore(tx, p.Environment, h.Order)
		if err != nil {
			return err
		}
		if _, err := p.CountBoth(before, r.Minutes, r.Signatures); err != nil {
			return err
		}
		h.Signatures = r.Signatures
		return store.Save(tx, heldBucket, p.SHA256(), h)
	})
	if err != nil {
		return nil, err
	}
	return r.encode()
}

// crlTemplate is a CRL of the series as the plan says, with the entries.
func crlTemplate(p *plan.Plan, s plan.Series, first int64, n int, entries []x509.RevocationListEntry) *x509.RevocationList {
	this := p.Date.UTC()
	for range n {
		this = s.Every.After(this)
	}
	return &x509.RevocationList{Number: big.NewInt(first + int64(n)), ThisUpdate: this, NextUpdate: s.Life.After(this), RevokedCertificateEntries: entries}
}

// Content is what a record holds, for the files that people look at.
type Content struct {
	Minutes      Minutes
	MinutesJSON  []byte
	Certificates map[string]*x509.Certificate // by id
	CRLs         map[string][]byte            // DER, by "root/1"
}

// Contents takes a record apart. Nothing of it is verified.
func Contents(record []byte) (c Content, err error) {
	r, err := parseRecord(record)
	if err != nil {
		return c, err
	}
	if c.Minutes, err = parseMinutes(r.Minutes); err != nil {
		return c, errRecord("its minutes: " + err.Error())
	}
	c.MinutesJSON, c.Certificates, c.CRLs = r.Minutes, map[string]*x509.Certificate{}, map[string][]byte{}
	for _, m := range r.Members {
		if c.Certificates[m.ID], err = x509.ParseCertificate(m.DER); err != nil {
			return c, errRecord("certificate of " + m.ID)
		}
	}
	for _, l := range r.CRLs {
		list, err := x509.ParseRevocationList(l.DER)
		if err != nil || list.Number == nil {
			return c, errRecord("CRL of " + l.Root)
		}
		c.CRLs[crlID(l.Root, list.Number)] = l.DER
	}
	return c, nil
}
