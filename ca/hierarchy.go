package ca

import (
	"errors"

	"mohr/internal/fault"
	"mohr/internal/store"
)

// hierarchyBucket holds what a ceremony made, by name.
const hierarchyBucket = "ca_hierarchy"

// The names under which a ceremony's results are kept, beside issuers' ids.
const (
	RootName    = "root"     // certificate, DER
	RootCRLName = "root.crl" // CertificateList of the root, DER
)

// hierarchyItem is one result of a ceremony.
type hierarchyItem struct {
	DER []byte `json:"der"`
}

// LoadHierarchy returns the DER a ceremony kept under name (an IssuerID,
// RootName, RootCRLName); NotFound if there is none.
func LoadHierarchy(tx store.Tx, name string) ([]byte, error) {
	item, err := store.Load[hierarchyItem](tx, hierarchyBucket, name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.New(fault.NotFound, "hierarchy_unknown", "there is no such authority here; run the ceremony that makes it first")
	}
	return item.DER, err
}

// SaveHierarchy keeps the DER a ceremony made under name.
func SaveHierarchy(tx store.Tx, name string, der []byte) error {
	return store.Save(tx, hierarchyBucket, name, hierarchyItem{DER: der})
}
