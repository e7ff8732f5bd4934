package consistency

import (
	"fmt"
	"slices"
	"time"
)

// maxFindings bounds what a report carries; the rest is counted.
const maxFindings = 10_000

// Finding is one contradiction.
type Finding struct {
	Code    string `json:"code"`    // stable: "leaf_missing"
	Subject string `json:"subject"` // a serial, a CRL shard, an issuer
	Text    string `json:"text"`
}

func (f Finding) String() string { return fmt.Sprintf("%s %s: %s", f.Code, f.Subject, f.Text) }

// Report says what was looked at, and what does not fit.
type Report struct {
	Certificates int       `json:"certificates"`
	Issued       int       `json:"issued"`
	Pending      int       `json:"pending"`
	Void         int       `json:"void"`
	Revoked      int       `json:"revoked"`   // for good, void ones included
	Suspended    int       `json:"suspended"` //
	Entries      int64     `json:"entries"`   // of the log, those that wait included
	Issuers      int       `json:"issuers"`
	CRLs         int       `json:"crls"`
	OCSP         int       `json:"ocsp"`  // answers that were compared
	Taken        time.Time `json:"taken"` // moment of the records
	Findings     []Finding `json:"findings"`
	More         int       `json:"more,omitempty"` // findings beyond the bound
}

// Holds reports whether nothing contradicts.
func (r *Report) Holds() bool { return len(r.Findings) == 0 }

// Confirmed returns the later report with those findings only that the earlier
// one had too. What changed while the service was asked, as a suspension that
// was lifted, is in one of them.
func (r Report) Confirmed(earlier Report) Report {
	had := map[[2]string]bool{}
	for _, f := range earlier.Findings {
		had[[2]string{f.Code, f.Subject}] = true
	}
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool { return !had[[2]string{f.Code, f.Subject}] })
	return r
}

func (r *Report) add(code, subject, format string, args ...any) {
	if len(r.Findings) == maxFindings {
		r.More++
		return
	}
	r.Findings = append(r.Findings, Finding{Code: code, Subject: subject, Text: fmt.Sprintf(format, args...)})
}
