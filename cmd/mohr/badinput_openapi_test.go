package main

import (
	"bytes"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTheDocumentListsEveryOperation holds /openapi.json against the
// operations that others' software relies on, and each of them against what
// is served.
func TestTheDocumentListsEveryOperation(t *testing.T) {
	t.Parallel()
	s := startService(t, "")
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct{ OperationID string }
	}
	s.anyone.done(t, get("/openapi.json", ""), http.StatusOK, &doc)
	var listed []string
	for path, methods := range doc.Paths {
		for method, op := range methods {
			listed = append(listed, strings.ToUpper(method)+" "+path+" "+op.OperationID)
		}
	}
	slices.Sort(listed)
	if d := cmp.Diff(strings.Split(operations, "\n"), listed); d != "" || doc.OpenAPI != "3.1.0" {
		t.Errorf("OpenAPI %s: %s", doc.OpenAPI, d)
	}
	for _, op := range listed {
		method, path, _ := strings.Cut(op, " ")
		path, _, _ = strings.Cut(path, " ")
		path = regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllString(path, strings.Repeat("7", 11))
		a := s.anyone.send(t, ask{request: request{method: method, path: "/api/v1" + path}})
		if a.status >= 500 || bytes.Contains(a.body, []byte(`"route_unknown"`)) || a.status == http.StatusMethodNotAllowed {
			t.Errorf("%s is not served: %d %s", op, a.status, a.body)
		}
	}
}

// operations are those of the API: method, path below /api/v1, name. Names
// end up in other people's software.
const operations = `GET /acme/nonce acme-nonce
GET /answers/{id}/receipt.json answer-receipt-file
GET /applications/{id} get-application
GET /applications/{id}/acme application-acme
GET /applications/{id}/bundle get-bundle
GET /applications/{id}/certificate get-certificate
GET /applications/{id}/decision explain-decision
GET /applications/{id}/evidence/emrtd_chip/challenge chip-challenge
GET /applications/{id}/export export-application
GET /badges/appeals list-badge-appeals
GET /badges/fakes badge-fakes
GET /badges/keys badge-keys
GET /badges/nonce badge-nonce
GET /badges/service-level badge-service-level
GET /badges/statistics badge-statistics
GET /badges/{id} get-badge
GET /badges/{id}/case badge-case
GET /badges/{id}/copies badge-copies
GET /badges/{id}/receipt badge-receipt
GET /blocked-keys list-blocked-keys
GET /businesses/{id}/complaints list-own-complaints
GET /businesses/{id}/figures get-figures
GET /businesses/{id}/record get-record
GET /certificates list-certificates
GET /certificates/{serial} show-certificate
GET /complaints/nonce complaint-nonce
GET /complaints/outages list-outages
GET /complaints/outages/{id} show-outage
GET /complaints/outages/{id}/challenge outage-challenge
GET /complaints/queue list-complaint-queue
GET /complaints/{id} get-complaint
GET /complaints/{id}/case show-complaint-case
GET /complaints/{id}/pictures list-complaint-pictures
GET /complaints/{id}/pictures/{number} get-complaint-picture
GET /complaints/{id}/receipt complaint-receipt
GET /complaints/{id}/receipt.json complaint-receipt-file
GET /invitations/nonce invitation-nonce
GET /keys list-keys
GET /locks/{id}/certificates list-named
GET /lookups list-lookups
GET /mandates mandates-of-business
GET /mandates/nonce mandate-nonce
GET /mandates/{id}/ending plan-mandate-ending
GET /open/complaints list-open-data
GET /open/complaints/{day} get-open-data
GET /operators list-operators
GET /plans list-plans
GET /plans/{id} show-plan
GET /plans/{id}/challenge plan-challenge
GET /plans/{id}/targets list-targets
GET /reconciled list-reconciled
GET /renewal-info/{certid} get-renewal-info
GET /renewals/nonce get-renewal-nonce
GET /renewals/{request}/certificate get-renewed-certificate
GET /reviews list-reviews
GET /reviews/challenge review-challenge
GET /reviews/{id} show-review
GET /revocations/nonce revocation-nonce
GET /signin/nonce signin-nonce
GET /statistics get-statistics
POST /acme/keys acme-keys
POST /applications create-application
POST /applications/{id}/appeal appeal-application
POST /applications/{id}/cancel cancel-application
POST /applications/{id}/consent consent
POST /applications/{id}/csr submit-csr
POST /applications/{id}/erase erase-application
POST /applications/{id}/evidence/device_attestation attest-key
POST /applications/{id}/evidence/device_attestation/challenge challenge-device
POST /applications/{id}/evidence/document_video begin-video
POST /applications/{id}/evidence/earlier use-earlier
POST /applications/{id}/evidence/eid_oidc begin-login
POST /applications/{id}/evidence/eid_oidc/callback finish-login
POST /applications/{id}/evidence/emrtd_chip read-chip
POST /applications/{id}/evidence/face_match match-face
POST /applications/{id}/evidence/otp_sms prove-code
POST /applications/{id}/evidence/refresh refresh-evidence
POST /applications/{id}/otp send-code
POST /applications/{id}/resume ask-resume
POST /applications/{id}/resume/code resume-application
POST /applications/{id}/secret make-secret
POST /applications/{id}/secret/code send-secret-code
POST /badges request-badge
POST /badges/detached request-badge-detached
POST /badges/fakes mark-fake-badge
POST /badges/trial try-badge-rules
POST /badges/{id}/appeal decide-badge-appeal
POST /badges/{id}/check check-badge
POST /badges/{id}/deeds act-on-badge
POST /businesses/{id}/notices set-notices
POST /businesses/{id}/orders report-orders
POST /businesses/{id}/publication set-publication
POST /businesses/{id}/publication/objection decide-objection
POST /businesses/{id}/publication/reply reply-to-invitation
POST /businesses/{id}/record get-own-record
POST /certificates/{serial}/resume resume-certificate
POST /certificates/{serial}/revoke revoke-certificate
POST /certificates/{serial}/revoke-by-code revoke-by-code
POST /certificates/{serial}/suspend suspend-certificate
POST /complaints file-complaint
POST /complaints/outages plan-outage
POST /complaints/outages/{id}/approvals approve-outage
POST /complaints/outages/{id}/execute record-outage
POST /complaints/{id}/accept accept-answer
POST /complaints/{id}/answers answer-complaint
POST /complaints/{id}/answers/by-code answer-complaint-by-code
POST /complaints/{id}/answers/code send-answer-code
POST /complaints/{id}/appeal appeal-decision
POST /complaints/{id}/code resend-complaint-code
POST /complaints/{id}/confirm confirm-complaint
POST /complaints/{id}/dispute dispute-answer
POST /complaints/{id}/escalate escalate-complaint
POST /complaints/{id}/reject reject-answer
POST /complaints/{id}/rulings rule-on-complaint
POST /complaints/{id}/settle settle-complaint
POST /complaints/{id}/text-removal remove-complaint-text
POST /complaints/{id}/withdraw withdraw-complaint
POST /compromised-keys report-key
POST /holders/find find-holder
POST /invitations invite-businesses
POST /keys/test test-keys
POST /keys/{purpose}/create create-key
POST /keys/{purpose}/retire retire-key
POST /keys/{purpose}/rotate rotate-key
POST /locks ask-lock
POST /locks/{id}/code prove-lock
POST /locks/{id}/disown disown
POST /mandates give-mandate
POST /mandates/list list-mandates
POST /mandates/plan plan-mandate-revocation
POST /mandates/revocations revoke-mandate
POST /mandates/{id}/ending end-mandate
POST /plans make-plan
POST /plans/{id}/approvals approve-plan
POST /plans/{id}/execute execute-plan
POST /policies/trial try-policy
POST /renewals create-renewal
POST /renewals/challenge challenge-renewed-device
POST /reviews/{id}/proposals propose-review
POST /reviews/{id}/proposals/{proposal}/approvals sign-review
POST /revocations end-certificate
POST /webhooks/{vendor} take-webhook`
