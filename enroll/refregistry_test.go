package enroll_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"mohr/ca"
	"mohr/enroll"
	"mohr/internal/gateway"
	"mohr/internal/refregistry"
)

// overHTTP returns a desk that asks the reference registry over HTTP, and
// its address. An attempt may take so long that a busy machine does not meet it.
func overHTTP(t *testing.T) (*desk, string) { return overHTTPWithin(t, 30*time.Second) }

// overHTTPWithin is overHTTP where one attempt at a register may take so long.
func overHTTPWithin(t *testing.T, patience time.Duration) (*desk, string) {
	t.Helper()
	var address string
	d := newDesk(t, func(c *enroll.Config) {
		reg, err := refregistry.New(refregistry.Config{Now: c.Now})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(reg.Handler())
		t.Cleanup(server.Close)
		address = server.URL
		dialer, err := gateway.NewDialer(gateway.DialConfig{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
		if err != nil {
			t.Fatal(err)
		}
		client, err := gateway.New(gateway.Config{
			BaseURL: server.URL, PublicKey: reg.PublicKey(), Environment: "simulated", Transport: dialer.Transport(), Now: c.Now,
			Timeout: patience,
		})
		if err != nil {
			t.Fatal(err)
		}
		c.Registry, c.Notifier = client, client
		c.OTP = codesOver(t, c.Store, c.Now, client)
	})
	return d, address
}

// post sends a fault to the registry.
func post(t *testing.T, address, fault string) {
	t.Helper()
	r, err := http.Post(address+"/v1/faults", "application/json", strings.NewReader(fault))
	if err != nil || r.StatusCode != http.StatusNoContent {
		t.Fatalf("fault not set: %v %v", r, err)
	}
	r.Body.Close()
}

// outbox returns the messages that went to a phone.
func outbox(t testing.TB, address, mobile string) []string {
	t.Helper()
	r, err := http.Get(address + "/v1/sms")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var out struct {
		Messages []refregistry.Message `json:"messages"`
	}
	if err := json.NewDecoder(r.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, m := range out.Messages {
		if m.To == mobile {
			list = append(list, m.Text)
		}
	}
	return list
}

func lastCode(t testing.TB, address, mobile string) string {
	t.Helper()
	list := outbox(t, address, mobile)
	if len(list) == 0 {
		t.Fatal("no message was sent")
	}
	return regexp.MustCompile(`\d{6}`).FindString(list[len(list)-1])
}

// zahra is an ordinary applicant of the people file, who signs alone for a company.
func zahra() someone {
	return someone{code: "0012345679", born: "1990-05-14", mobile: "+989121234567", types: "0912 123 4567", legalID: "14003456780"}
}

func TestTheJourneyOverTheReferenceRegistry(t *testing.T) {
	for _, profile := range []string{ca.NaturalSign, ca.OrganisationSign} {
		t.Run(profile, func(t *testing.T) {
			d, address := overHTTP(t)
			z := zahra()
			a := d.apply(z, profile)
			a.consent().want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
			a.code(lastCode(t, address, z.mobile)).want(t, enroll.Collecting, enroll.NeedFace)
			a.face("live").want(t, enroll.Approved, enroll.NeedCSR)
			issued := a.csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
			leaf := parseChain(t, []byte(issued.Certificate))[0]
			if got := leaf.Subject.SerialNumber; got != "PNOIR-"+z.code {
				t.Errorf("subject %s", leaf.Subject)
			}
			d.must(d.Resume(t.Context()))
			list := outbox(t, address, z.mobile)
			if !strings.Contains(list[len(list)-1], issued.Serial) {
				t.Errorf("no notice of issuance in %q", list)
			}
		})
	}
}

func TestTheReferenceRegistryMisbehaves(t *testing.T) {
	t.Run("down, and back", func(t *testing.T) {
		d, address := overHTTP(t)
		z := zahra()
		a := d.apply(z, ca.NaturalSign)
		post(t, address, `{"route":"/v1/person/inquiry","mode":"down"}`)
		a.consent().want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
		a.code(lastCode(t, address, z.mobile)).want(t, enroll.Collecting, enroll.NeedFace)
		a.face("live").want(t, enroll.Waiting, enroll.NeedRefresh)
		a.nothingIssued()
		post(t, address, `{"route":"*","mode":"none"}`)
		post(t, address, `{"route":"/v1/person/inquiry","mode":"none"}`)
		a.refresh().want(t, enroll.Approved, enroll.NeedCSR)
		a.csr(request(t)).want(t, enroll.Issued, enroll.NeedCertificate)
	})
	for _, route := range []string{"/v1/person/inquiry", "/v1/mobile/match"} {
		t.Run("lying about "+route, func(t *testing.T) {
			d, address := overHTTP(t)
			z := zahra()
			a := d.apply(z, ca.NaturalSign)
			post(t, address, `{"route":"`+route+`","mode":"lie"}`)
			a.consent().want(t, enroll.Collecting, enroll.NeedCode, enroll.NeedFace)
			a.code(lastCode(t, address, z.mobile))
			if route != "/v1/mobile/match" { // else no face is compared
				a.face("live")
			}
			a.state().want(t, enroll.Review)
			a.csr(request(t)).refused(t, 409, "application_unapproved")
			a.nothingIssued()
		})
	}
}
