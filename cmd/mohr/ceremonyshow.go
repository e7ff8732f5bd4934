package main

import (
	"crypto/x509"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mohr/ca"
	"mohr/ca/ceremony"
	"mohr/cmd/mohr/place"
)

// The files of a ceremony.
const (
	recordFile  = "record.json"
	minutesFile = "minutes.json"
)

// showPreview prints what a certificate or CRL will say.
func showPreview(out io.Writer, v ceremony.Preview) error {
	c, err := x509.ParseCertificate(v.DER)
	if err != nil {
		return showCRL(out, v)
	}
	path := "none"
	if c.MaxPathLenZero || c.MaxPathLen > 0 {
		path = fmt.Sprint(c.MaxPathLen)
	}
	var policies []string
	for _, o := range c.Policies {
		policies = append(policies, o.String())
	}
	_, err = fmt.Fprintf(out, `%s
  subject      %s
  issuer       %s
  valid        %s to %s
  key          %s, signed with %s
  key usage    certificates and revocation lists (critical)
  path length  %s
  policies     %s
  CRL          %s
  issuer at    %s

`, v.ID, c.Subject, c.Issuer, c.NotBefore.Format(time.RFC3339), c.NotAfter.Format(time.RFC3339), c.PublicKeyAlgorithm, c.SignatureAlgorithm,
		path, orNone(policies), orNone(c.CRLDistributionPoints), orNone(c.IssuingCertificateURL))
	return err
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

func showCRL(out io.Writer, v ceremony.Preview) error {
	l, err := x509.ParseRevocationList(v.DER)
	if err != nil {
		return fmt.Errorf("show %s: %w", v.ID, err)
	}
	_, err = fmt.Fprintf(out, `CRL %s
  issuer       %s
  valid        %s to %s
  entries      %d

`, v.ID, l.Issuer, l.ThisUpdate.Format(time.RFC3339), l.NextUpdate.Format(time.RFC3339), len(l.RevokedCertificateEntries))
	return err
}

// writeCeremony leaves the record, the minutes in three writings, the
// certificates and the CRLs in a folder.
func writeCeremony(folder string, record []byte) error {
	contents, err := ceremony.Contents(record)
	if err != nil {
		return err
	}
	files := map[string][]byte{
		recordFile: record, minutesFile: contents.MinutesJSON,
		"minutes.en.txt": []byte(contents.Minutes.Text("en")), "minutes.fa.txt": []byte(contents.Minutes.Text("fa")),
	}
	for id, c := range contents.Certificates {
		files[id+".pem"] = ca.ChainPEM(c)
	}
	for id, l := range contents.CRLs {
		files[strings.ReplaceAll(id, "/", "-")+".crl"] = l
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for name, b := range files {
		if err := writeWhole(filepath.Join(folder, name), b); err != nil {
			return err
		}
	}
	return nil
}

// writeWhole writes a file that is there whole or not at all.
func writeWhole(path string, b []byte) error { return place.WriteWhole(path, b, 0o644) }
