package main

import (
	"fmt"
	"os"

	mohr "mohr/cmd/mohr/client"
	"mohr/hsm"
)

// readIssuers reads the issuers of a TPM's certificate from a PEM file; "" has none.
func readIssuers(file string) (issuers [][]byte, err error) {
	if file == "" {
		return nil, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	chain, err := parseChain(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, c := range chain {
		issuers = append(issuers, c.Raw)
	}
	return issuers, nil
}

// device returns the TPM that the new key is in, nil if it is in none.
func (f *applyFlags) device(ring *hsm.Keyring) (*mohr.Device, error) {
	if f.csr != "" || !mohr.InTPM(f.key) {
		return nil, nil
	}
	issuers, err := readIssuers(f.ekIssuers)
	return &mohr.Device{Ring: ring, URI: f.key, Issuers: issuers}, err
}
