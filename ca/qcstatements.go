package ca

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cryptobyte_asn1 "golang.org/x/crypto/cryptobyte/asn1"

	"mohr/ca/evidence"
)

// pdsLanguages are those of the disclosure statements; English is a must (EN
// 319 412-5 section 4.3.4).
var pdsLanguages = []string{"en", "fa"}

// qcStatements writes the extension of RFC 3739 section 3.2.6 and EN 319
// 412-5: what the certificate is for, where it is disclosed, what the policy
// states beyond that, and what the number in the subject means.
//
//	QCStatements ::= SEQUENCE OF SEQUENCE {
//	    statementId OBJECT IDENTIFIER, statementInfo ANY OPTIONAL }
//	QcType       ::= SEQUENCE OF OBJECT IDENTIFIER
//	PdsLocations ::= SEQUENCE OF SEQUENCE { url IA5String, language PrintableString(SIZE(2)) }
//	SemanticsInformation ::= SEQUENCE { semanticsIdentifier OBJECT IDENTIFIER OPTIONAL, ... }
func (a *Authority) qcStatements(p profile, o Order) (fill, error) {
	var list []fill
	if p.qcType != nil {
		stated, err := statedBy(o)
		if err != nil {
			return nil, err
		}
		pds := make([]fill, len(pdsLanguages))
		for i, lang := range pdsLanguages {
			pds[i] = sequence(text(cryptobyte_asn1.IA5String, a.Portal+"/repository/pds-"+lang), text(cryptobyte_asn1.PrintableString, lang))
		}
		list = append(stated, statement(oidQcType, sequence(objectIDs(p.qcType))), statement(oidQcPDS, sequence(pds...)))
	}
	return sequence(append(list, statement(oidSemantics, sequence(objectIDs(p.semantics))))...), nil
}

func statement(id asn1.ObjectIdentifier, info ...fill) fill {
	return sequence(append([]fill{objectIDs(id)}, info...)...)
}

// statedBy writes what the decision's policy states. A device is stated only
// of the key that was attested.
func statedBy(o Order) ([]fill, error) {
	d := o.Decision
	q := d.QC()
	if q.SSCD && (d.Home() != evidence.Token || o.Attested.SPKISHA256() != o.CSR.SPKISHA256()) {
		return nil, errUnattested()
	}
	return statements(q, d.Environment() != evidence.Production || evidence.IsTestPolicy(d.PolicyOID()))
}

// statements writes the statements 1 to 4, 7 and 8 of EN 319 412-5:
//
//	QcEuLimitValue ::= SEQUENCE { currency CHOICE { PrintableString (SIZE (3)), INTEGER }, amount INTEGER, exponent INTEGER }
//	QcEuRetentionPeriod ::= INTEGER
//	QcCClegislation ::= SEQUENCE OF PrintableString (SIZE (2))
//	QcIdentMethod ::= SEQUENCE (SIZE (1)) OF OBJECT IDENTIFIER
//
// A test certificate claims neither compliance nor a device nor a law: no
// policy file that says otherwise is loaded, and it is refused here again.
func statements(q evidence.QC, test bool) (list []fill, err error) {
	if test && q.Claims() {
		return nil, errors.New("a test certificate that claims compliance, a device or a law")
	}
	if q.Compliance {
		list = append(list, statement(oidQcCompliance))
	}
	if q.Limit.Amount > 0 {
		list = append(list, statement(oidQcLimit, sequence(text(cryptobyte_asn1.PrintableString, q.Limit.Currency), integer(q.Limit.Amount), integer(int64(q.Limit.Exponent)))))
	}
	if q.RetentionYears > 0 {
		list = append(list, statement(oidQcRetention, integer(int64(q.RetentionYears))))
	}
	if q.SSCD {
		list = append(list, statement(oidQcSSCD))
	}
	if len(q.Legislation) > 0 {
		countries := make([]fill, len(q.Legislation))
		for i, c := range q.Legislation {
			countries[i] = text(cryptobyte_asn1.PrintableString, c)
		}
		list = append(list, statement(oidQcLegislation, sequence(countries...)))
	}
	if q.Identification != "" {
		list = append(list, statement(oidQcIdentification, sequence(dotted(q.Identification))))
	}
	return list, nil
}

func integer(n int64) fill { return func(b *cryptobyte.Builder) { b.AddASN1Int64(n) } }

// dotted writes an object identifier that is data, in dots.
func dotted(s string) fill {
	return func(b *cryptobyte.Builder) {
		oid, err := x509.ParseOID(s)
		if err != nil {
			b.SetError(fmt.Errorf("object identifier %q: %w", s, err))
			return
		}
		content, err := oid.MarshalBinary()
		if err != nil {
			b.SetError(err)
			return
		}
		b.AddASN1(cryptobyte_asn1.OBJECT_IDENTIFIER, func(b *cryptobyte.Builder) { b.AddBytes(content) })
	}
}
