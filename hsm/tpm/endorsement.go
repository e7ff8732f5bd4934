package tpm

import (
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/internal/fault"
)

// endorsement is an endorsement key with its certificate.
type endorsement struct {
	certificate []byte // DER
	template    tpm2.TPMTPublic
}

// maxNV bounds what is read from the TPM's memory; nvPiece is what one command
// gives at most on the smallest TPMs.
const (
	maxNV   = 8 << 10
	nvPiece = 512
)

// endorsement finds the endorsement key that has a certificate in the TPM, by
// the places and templates of the TCG EK Credential Profile for TPM Family
// 2.0, sections 2.2.1.4, B.3.3 and B.3.4: RSA first.
func (d *Device) endorsement() (endorsement, error) {
	for _, known := range []struct {
		index    tpm2.TPMHandle
		template tpm2.TPMTPublic
	}{{0x01c00002, tpm2.RSAEKTemplate}, {0x01c0000a, tpm2.ECCEKTemplate}} {
		b, err := d.readNV(known.index)
		if errors.Is(err, tpm2.TPMRCHandle) {
			continue
		}
		if err != nil {
			return endorsement{}, fmt.Errorf("read endorsement certificate: %w", err)
		}
		der, err := firstElement(b)
		return endorsement{der, known.template}, err
	}
	return endorsement{}, fault.New(fault.Denied, "tpm_without_ek_certificate", "this TPM has no certificate of its maker, so that nothing can vouch for its keys; use another device, or a key home that needs no attestation")
}

// firstElement cuts off what fills the memory behind a certificate.
func firstElement(b []byte) ([]byte, error) {
	in, der := cryptobyte.String(b), cryptobyte.String(nil)
	if !in.ReadASN1Element(&der, cryptobyte_asn1.SEQUENCE) {
		return nil, errors.New("the endorsement certificate in the TPM is not one")
	}
	return der, nil
}

func (d *Device) readNV(index tpm2.TPMHandle) ([]byte, error) {
	got, err := tpm2.NVReadPublic{NVIndex: index}.Execute(d.commands())
	if err != nil {
		return nil, err
	}
	public, err := got.NVPublic.Contents()
	if err != nil {
		return nil, err
	}
	if public.DataSize > maxNV {
		return nil, fmt.Errorf("%d octets at %x", public.DataSize, uint32(index))
	}
	auth := tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: tpm2.PasswordAuth(nil)}
	if public.Attributes.AuthRead {
		auth = tpm2.AuthHandle{Handle: index, Name: got.NVName, Auth: tpm2.PasswordAuth(nil)}
	}
	var all []byte
	for len(all) < int(public.DataSize) {
		piece, err := tpm2.NVRead{
			AuthHandle: auth, NVIndex: tpm2.NamedHandle{Handle: index, Name: got.NVName},
			Size: min(nvPiece, public.DataSize-uint16(len(all))), Offset: uint16(len(all)),
		}.Execute(d.commands())
		if err != nil {
			return nil, err
		}
		if len(piece.Data.Buffer) == 0 {
			return nil, errors.New("the TPM gives nothing")
		}
		all = append(all, piece.Data.Buffer...)
	}
	return all, nil
}
