package ca

import (
	"errors"
	"fmt"
	"time"

	"mohr/internal/fault"
	"mohr/internal/store"
)

// Buckets of what ceremonies left.
const (
	hierarchyBucket = "ca_hierarchy" // id -> Member
	rootCRLBucket   = "ca_root_crls" // id of the root/number -> rootCRL
)

// RootName is the id of the first root; the next is "root-2".
const RootName = "root"

// MemberKind is what a Member is.
type MemberKind string

// The kinds.
const (
	RootMember    MemberKind = "root"
	IssuingMember MemberKind = "issuing"
	CrossMember   MemberKind = "cross" // a root's key, certified by another root
)

// Member is a CA certificate of the hierarchy, as a ceremony left it. Its id
// is its name in URLs: "root", "sign-p256-2", "root-2.by-root".
type Member struct {
	ID     string     `json:"id"`
	Kind   MemberKind `json:"kind"`
	Name   IssuerID   `json:"name,omitempty"`   // of an issuing CA: what profiles ask for
	Parent string     `json:"parent,omitempty"` // id of the root that signed it; "" for roots and under a foreign root
	// Chain holds, for an issuing CA under a foreign root, the certificates
	// above it (DER), that root last.
	Chain    [][]byte  `json:"chain,omitempty"`
	At       time.Time `json:"at"`                 // when it was made or accepted
	Ceremony string    `json:"ceremony,omitempty"` // hex SHA-256 of the file it was made from
	Revoked  *Ended    `json:"revoked,omitempty"`
	DER      []byte    `json:"der"`
}

// Ended says when and why a CA certificate was revoked.
type Ended struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason"` // of RFC 5280 section 5.3.1
}

// LoadMember returns what a ceremony left under the id; NotFound if there is
// nothing.
func LoadMember(tx store.Tx, id string) (Member, error) {
	m, err := store.Load[Member](tx, hierarchyBucket, id)
	if errors.Is(err, store.ErrNotFound) {
		return m, fault.New(fault.NotFound, "hierarchy_unknown", "there is no such authority here; run the ceremony that makes it first")
	}
	return m, err
}

// SaveMember keeps m under its id.
func SaveMember(tx store.Tx, m Member) error { return store.Save(tx, hierarchyBucket, m.ID, m) }

// Members returns the whole hierarchy in the order of the ids.
func Members(tx store.Tx) (list []Member, err error) {
	err = store.Each(tx, hierarchyBucket, "", "", func(_ string, m Member) error {
		list = append(list, m)
		return nil
	})
	return list, err
}

// rootCRL is one CRL of a root. Several are signed ahead: a root is offline.
type rootCRL struct {
	ThisUpdate time.Time `json:"this_update"`
	DER        []byte    `json:"der"`
}

// SaveRootCRL keeps a CRL of the root (DER); it counts from thisUpdate on.
func SaveRootCRL(tx store.Tx, root string, number int64, thisUpdate time.Time, der []byte) error {
	return store.Save(tx, rootCRLBucket, fmt.Sprintf("%s/%016d", root, number), rootCRL{ThisUpdate: thisUpdate, DER: der})
}

// RootCRL returns the root's CRL (DER) of the moment: the one of the highest
// number whose time has come. A CRL that was made for later and then overtaken
// by a new series, as after a revocation, has a lower number and never counts.
// NotFound if there is none.
func RootCRL(tx store.Tx, root string, now time.Time) (der []byte, err error) {
	err = store.Each(tx, rootCRLBucket, root+"/", "", func(_ string, c rootCRL) error {
		if !c.ThisUpdate.After(now) {
			der = c.DER
		}
		return nil
	})
	return der, orNoCRL(der, err)
}

// LastRootCRL returns the root's CRL (DER) of the highest number, whether its
// time has come or not; NotFound if there is none.
func LastRootCRL(tx store.Tx, root string) (der []byte, err error) {
	err = store.Each(tx, rootCRLBucket, root+"/", "", func(_ string, c rootCRL) error {
		der = c.DER
		return nil
	})
	return der, orNoCRL(der, err)
}

// RootCRLNumber returns the root's CRL (DER) of the number; NotFound if there
// is none.
func RootCRLNumber(tx store.Tx, root string, number int64) ([]byte, error) {
	c, err := store.Load[rootCRL](tx, rootCRLBucket, fmt.Sprintf("%s/%016d", root, number))
	if errors.Is(err, store.ErrNotFound) {
		return nil, errNoRootCRL()
	}
	return c.DER, err
}

func orNoCRL(der []byte, err error) error {
	if err == nil && der == nil {
		return errNoRootCRL()
	}
	return err
}

func errNoRootCRL() error {
	return fault.New(fault.NotFound, "root_crl_unknown", "there is no revocation list of this root here; hold a ceremony that makes one")
}
