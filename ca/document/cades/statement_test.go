package cades_test

import (
	"testing"

	"mohr/ca/document"
	"mohr/ca/document/cades"
	"mohr/ca/signature"
	"mohr/internal/fault"
)

func TestADocumentIsNoStatementAndAStatementNoDocument(t *testing.T) {
	b := open(t)
	key := b.Issue(t, nil, longer)
	statement := []byte(`{"type":"mohr-renew/1","aud":"https://mohr.example"}`)
	// Somebody is made to sign a file that reads like a statement.
	raw, err := cades.Sign(t.Context(), key, document.Bytes(statement), cades.Options{MIME: "application/json", Time: now})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := signature.OpenCMS(raw, statement); fault.Code(err) != "cms_document" {
		t.Errorf("a document taken as a statement: %v", err)
	}
	// A statement is shown around as a document.
	said, err := signature.SignCMS(key, statement)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := signature.OpenCMS(said, statement); err != nil {
		t.Fatalf("the statement itself: %v", err)
	}
	list, err := cades.Read(said, document.Bytes(statement))
	if err != nil {
		t.Fatal(err)
	}
	r := document.Validate(document.Proof{Signatures: list, Known: b.Good(t, now)}, document.Policy{}, now)
	if v := r.Signatures[0]; v.Indication != document.Indeterminate || v.SubIndication != document.SigConstraints {
		t.Errorf("a statement taken as a document: %s %s", v.Indication, v.SubIndication)
	}
}
