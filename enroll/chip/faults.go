package chip

import "mohr/internal/fault"

// What is wrong with what was sent. part names the file or structure.

func errMalformed(part string) error {
	return fault.New(fault.Invalid, "chip_malformed", "%[1]s is not what ICAO Doc 9303 says it is; read the chip again", part)
}

func errTrailing(part string) error {
	return fault.New(fault.Invalid, "chip_trailing_bytes", "%[1]s has octets after its end; send the file as the chip holds it", part)
}

func errTooLarge(part string, limit int) error {
	return fault.New(fault.Invalid, "chip_too_large", "%[1]s has more than %[2]d octets; send the file as the chip holds it", part, limit)
}

func errTooDeep(part string) error {
	return fault.New(fault.Invalid, "chip_too_deep", "%[1]s is nested deeper than any such file; send the file as the chip holds it", part)
}

// What no longer proves anything, or is not known.

func errWeakHash(name string) error {
	return fault.New(fault.Invalid, "chip_weak_hash", "the document or its issuer uses %[1]s, which can be forged; it cannot serve as proof, use another", name)
}

func errWeakKey(what string) error {
	return fault.New(fault.Invalid, "chip_weak_key", "a key of the document or its issuer is too weak or none: %[1]s; it cannot serve as proof, use another", what)
}

func errAlgorithm(oid string) error {
	return fault.New(fault.Invalid, "chip_algorithm", "the document or its issuer uses an algorithm that is not accepted: %[1]s; use another document", oid)
}

func errCurve() error {
	return fault.New(fault.Invalid, "chip_curve", "a key lies on a curve that is not known, or states parameters that are not all those of one; use another document")
}

// What is signed wrongly, or by the wrong one.

func errContentType(part, oid string) error {
	return fault.New(fault.Invalid, "chip_content_type", "%[1]s signs something else (%[2]s); send the file as the chip holds it", part, oid)
}

func errSigners(part string) error {
	return fault.New(fault.Invalid, "chip_signers", "%[1]s has not exactly one signer; send the file as the chip holds it", part)
}

func errSignerUnknown(part string) error {
	return fault.New(fault.Invalid, "chip_signer_unknown", "%[1]s does not hold its signer's certificate; send the file as the chip holds it", part)
}

func errDigest(part string) error {
	return fault.New(fault.Invalid, "chip_digest", "what %[1]s holds is not what was signed; send the file as the chip holds it", part)
}

func errSignature(part string) error {
	return fault.New(fault.Invalid, "chip_signature", "the signature of %[1]s does not hold; send the file as the chip holds it", part)
}

func errSignerIsCA() error {
	return fault.New(fault.Denied, "chip_dsc_is_ca", "the document is signed by an authority's certificate and not by a document signer's; it is not genuine")
}

func errSignerUsage() error {
	return fault.New(fault.Denied, "chip_dsc_usage", "the certificate that signed the document is not for signing documents; it is not genuine")
}

func errSignerEarly() error {
	return fault.New(fault.Denied, "chip_dsc_not_yet_valid", "the document was signed before its signer's certificate was valid; it is not genuine")
}

func errSignerLate() error {
	return fault.New(fault.Denied, "chip_dsc_expired", "the document was signed after its signer's certificate had expired; it is not genuine")
}

func errSignedLater() error {
	return fault.New(fault.Denied, "chip_signed_in_future", "the document is signed in the future; it is not genuine")
}

func errSignerForged() error {
	return fault.New(fault.Denied, "chip_dsc_signature", "the certificate that signed the document is not its country's; it is not genuine")
}

func errSignerRevoked() error {
	return fault.New(fault.Denied, "chip_dsc_revoked", "the certificate that signed the document is revoked; use another document")
}

func errIssuerUnknown() error {
	return fault.New(fault.Denied, "chip_csca_unknown", "the authority that issued the document is not known here; use another document")
}

func errIssuerValidity() error {
	return fault.New(fault.Denied, "chip_csca_validity", "the authority's certificate was not valid when the document was signed; it is not genuine")
}

// errStatus is no verdict on the document: it can be tried again.
func errStatus() error {
	return fault.New(fault.Unavailable, "chip_status_unknown", "whether the document's signer is revoked cannot be told now; try again later")
}

// What the files say, or do not.

func errUnlisted(group int) error {
	return fault.New(fault.Invalid, "chip_dg_unlisted", "DG%[1]d is not among the files that the document's issuer signed; send the files as the chip holds them", group)
}

func errGroup(group int) error {
	return fault.New(fault.Invalid, "chip_dg_mismatch", "DG%[1]d is not the file that the document's issuer signed; send the files as the chip holds them", group)
}

func errMRZ() error {
	return fault.New(fault.Invalid, "chip_mrz", "the machine-readable zone is none of a passport or of a card; use a passport or a card of that size")
}

func errCheckDigit() error {
	return fault.New(fault.Invalid, "chip_mrz_check_digit", "a check digit of the machine-readable zone does not hold; read the chip again")
}

func errContradiction() error {
	return fault.New(fault.Invalid, "chip_data_differs", "two files of the chip say different things of its holder; use another document")
}

func errState(state string) error {
	return fault.New(fault.Denied, "chip_state", "documents of %[1]s are not read here; use one that is issued by Iran", state)
}

func errForeignSigner() error {
	return fault.New(fault.Denied, "chip_foreign_signer", "the document is signed by another country than the one that it names; it is not genuine")
}

func errDocumentExpired() error {
	return fault.New(fault.Denied, "chip_document_expired", "the document has expired; use one that is valid")
}

// What the chip shows of its own key.

func errNoKey() error {
	return fault.New(fault.Invalid, "chip_no_key", "this chip has no key of its own, so it can answer no challenge; leave the answer out")
}

func errKeyWithheld() error {
	return fault.New(fault.Invalid, "chip_key_withheld", "the document says that its chip has a key; send DG15 and, if the chip has it, DG14, with the answer to the challenge")
}

func errCopied() error {
	return fault.New(fault.Denied, "chip_copied", "the chip does not have the key of the document; it is a copy, or reading broke off: read the chip again with a new challenge")
}
