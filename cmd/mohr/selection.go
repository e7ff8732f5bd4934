package main

import (
	"bufio"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"mohr/ca"
	"mohr/ca/incident"
)

// selectionFlags say which certificates or keys a plan is about.
type selectionFlags struct {
	serials, keys                   []string
	holder, business, profile, file string
}

const spkiUsage = "a key: SHA-256 of its SubjectPublicKeyInfo, or a file with a certificate, a request or a public key; may be repeated"

func (s *selectionFlags) register(flags *pflag.FlagSet) {
	flags.StringArrayVar(&s.serials, "serial", nil, "serial number in hexadecimal digits; may be repeated")
	flags.StringArrayVar(&s.keys, "spki", nil, spkiUsage)
	flags.StringVar(&s.holder, "holder", "", "a person, by the opaque id that mohr cert find prints")
	flags.StringVar(&s.business, "business", "", "a business, by its legal id")
	flags.StringVar(&s.profile, "profile-version", "", "a profile, in one version or in all: natural-sign@1, natural-sign")
	flags.StringVar(&s.file, "file", "", "list of serial numbers, one a line; # begins a remark")
}

// any reports whether anything is selected.
func (s *selectionFlags) any() bool {
	return len(s.serials)+len(s.keys) > 0 || s.holder+s.business+s.profile+s.file != ""
}

// fill puts the one selection there is into ask.
func (s *selectionFlags) fill(ask *incident.Ask) error {
	given := 0
	for _, there := range []bool{len(s.serials) > 0, len(s.keys) > 0, s.holder != "", s.business != "", s.profile != "", s.file != ""} {
		if there {
			given++
		}
	}
	if given != 1 {
		return errors.New("say what it is about, by exactly one of the selections in --help")
	}
	ask.Serials, ask.Holder, ask.Business, ask.Profile = s.serials, ca.HolderID(s.holder), ca.BusinessID(s.business), s.profile
	for _, k := range s.keys {
		hash, err := keyHash(k)
		if err != nil {
			return err
		}
		ask.Keys = append(ask.Keys, hash)
	}
	if s.file == "" {
		return nil
	}
	list, err := readList(s.file)
	if ask.Kind == incident.Block {
		ask.Keys = list
	} else {
		ask.Serials = list
	}
	return err
}

// maxList bounds a list file, in octets.
const maxList = 16 << 20

// readList reads the entries of a file, one a line, without blanks, empty
// lines and remarks.
func readList(name string) ([]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read list: %w", err)
	}
	defer f.Close()
	var list []string
	lines := bufio.NewScanner(io.LimitReader(f, maxList))
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read list %s: %w", name, err)
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("the list %s is empty", name)
	}
	return list, nil
}

// maxKeyFile bounds a file with a key in it, in octets.
const maxKeyFile = 64 << 10

// keyHash returns the SHA-256 of a SubjectPublicKeyInfo that s is, or that the
// file s holds in a certificate, a certification request or a public key.
func keyHash(s string) (string, error) {
	if hash, err := ca.ParseKeyHash(s); err == nil {
		return hash, nil
	}
	f, err := os.Open(s)
	if err != nil {
		return "", fmt.Errorf("%s is no SHA-256 of a public key, nor a file with one: %w", s, err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", s, err)
	}
	if block, _ := pem.Decode(b); block != nil {
		b = block.Bytes
	}
	spki, ok := publicKeyIn(b)
	if !ok {
		return "", fmt.Errorf("%s holds no certificate, certification request or public key; make one with: openssl pkey -in KEY -pubout", s)
	}
	sum := sha256.Sum256(spki)
	return hex.EncodeToString(sum[:]), nil
}

// publicKeyIn returns the SubjectPublicKeyInfo in der.
func publicKeyIn(der []byte) ([]byte, bool) {
	if c, err := x509.ParseCertificate(der); err == nil {
		return c.RawSubjectPublicKeyInfo, true
	}
	if r, err := x509.ParseCertificateRequest(der); err == nil {
		return r.RawSubjectPublicKeyInfo, true
	}
	_, err := x509.ParsePKIXPublicKey(der)
	return der, err == nil
}

// readLine reads one line of at most a few hundred octets.
func readLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 256)).ReadString('\n')
	if line = strings.TrimSpace(line); line != "" {
		return line, nil
	}
	if err == nil {
		err = errors.New("the line is empty")
	}
	return "", err
}
