package refregistry

import (
	_ "embed"
	"net/url"
	"strconv"
	"strings"
	"time"
)

//go:embed vendor.yaml
var vendorFile string

// VendorFile says what a connector file for a Vendor has.
type VendorFile struct {
	Name      string    // of the connector, without version
	Kind      string    // "document_video" or "face_match"
	BaseURL   string    // of the vendor
	Token     string    // file with its token
	Secrets   []string  // files with the secrets of its calls
	Every     string    // "15s"
	Certified time.Time // last day of its laboratories' certificates; zero: it has none
}

// Connector writes the file.
func (f VendorFile) Connector() []byte {
	document, procedure, shows := "", "", "face"
	if f.Kind == "document_video" {
		shows = "video"
		for _, claim := range []string{"national_code", "first_name", "last_name", "birth_date", "valid_to"} {
			document += "  " + claim + ": body.document." + claim + "\n"
		}
		procedure = "  - {covers: identification, standard: ETSI TS 119 461, lab: simulated, number: SIM-ID-1, valid_to: CERTIFIED}\n"
	}
	text := vendorFile
	if f.Certified.IsZero() {
		text, _, _ = strings.Cut(text, "certificates:")
	}
	var secrets []string
	for _, file := range f.Secrets {
		secrets = append(secrets, strconv.Quote(file))
	}
	host := ""
	if u, err := url.Parse(f.BaseURL); err == nil {
		host = u.Host
	}
	text = strings.NewReplacer("DOCUMENT\n", document, "PROCEDURE\n", procedure).Replace(text)
	return []byte(strings.NewReplacer("NAME", f.Name, "KIND", f.Kind, "BASE", f.BaseURL, "TOKEN", strconv.Quote(f.Token), "SHOWS", shows, "HOST", host,
		"SECRETS", strings.Join(secrets, ", "), "EVERY", f.Every, "CERTIFIED", f.Certified.Format(time.DateOnly)).Replace(text))
}
