package gateway

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"mohr/internal/fault"
)

// Bounds of a call (Standard Webhooks 1.0.0, "Signature scheme" and "Payload size").
const (
	MaxCall       = 64 << 10        // octets of the body; the standard's largest recommended is 20 kB
	callWindow    = 5 * time.Minute // how far its time may lie from ours
	maxSignatures = 1024            // octets of the header
	minSecret     = 24              // octets, as the standard has it
	maxSecret     = 64
)

// Forms of the headers. An id has no dot: the signed text joins id, time and
// body by dots, and none of them may reach into the next.
var (
	callID   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)
	callTime = regexp.MustCompile(`^[1-9][0-9]{0,10}$`)

	strict64 = base64.StdEncoding.Strict()
)

// Call is what a vendor's call says, as it was received.
type Call struct {
	ID        string // header webhook-id
	Timestamp string // header webhook-timestamp
	Signature string // header webhook-signature
	Body      []byte
}

// Refused is the one answer to every call that is not the vendor's.
func Refused() error {
	return fault.New(fault.Denied, "webhook_refused", "this call is not signed as agreed, or not of this time")
}

// Receive checks that a call is the vendor's and of this time (Standard
// Webhooks: HMAC-SHA256 over id, time and the raw body, by any of the secrets,
// five minutes either way), and returns the reference that it names, "" if it
// names none. What else the call says is not read: it wakes us, and Fetch asks.
// Every other call is Refused, with the cause for the log.
func (n *Connector) Receive(c Call) (ref string, err error) {
	if n.file.Webhook == nil {
		return "", fmt.Errorf("%w: %s is not called", Refused(), n.file.Connector)
	}
	if err := n.authentic(c); err != nil {
		return "", fmt.Errorf("%w: %s: %w", Refused(), n.file.Connector, err)
	}
	var body any
	if err := json.Unmarshal(c.Body, &body); err != nil {
		return "", nil
	}
	ref, err = text(n.plan.call, "webhook.ref", map[string]any{"body": body})
	if err != nil || !sessionRef.MatchString(ref) {
		return "", nil
	}
	return ref, nil
}

func (n *Connector) authentic(c Call) error {
	if !callID.MatchString(c.ID) || !callTime.MatchString(c.Timestamp) || len(c.Signature) > maxSignatures || len(c.Body) > MaxCall {
		return errors.New("a header is missing or has another form")
	}
	seconds, err := strconv.ParseInt(c.Timestamp, 10, 64)
	if err != nil || n.Now().Sub(time.Unix(seconds, 0)).Abs() > callWindow {
		return errors.New("its time is not now")
	}
	header := http.Header{}
	header.Set(standardwebhooks.HeaderWebhookID, c.ID)
	header.Set(standardwebhooks.HeaderWebhookTimestamp, c.Timestamp)
	header.Set(standardwebhooks.HeaderWebhookSignature, c.Signature)
	for _, file := range n.file.Webhook.Secrets {
		key, err := webhookKey(file)
		if err != nil {
			n.Log.Error("webhook secret cannot be used", "connector", n.file.Connector, "error", err)
			continue
		}
		// The time was looked at by our clock.
		if key.VerifyIgnoringTimestamp(c.Body, header) == nil {
			return nil
		}
	}
	return errors.New("no signature holds")
}

// webhookKey reads a secret. It is read for each call, so that one that is
// replaced needs no restart.
func webhookKey(file string) (*standardwebhooks.Webhook, error) {
	secret, err := readSecret(file)
	if err != nil {
		return nil, err
	}
	raw, err := decodeSecret(secret)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return standardwebhooks.NewWebhookRaw(raw)
}

func decodeSecret(s string) ([]byte, error) {
	encoded, prefixed := strings.CutPrefix(s, "whsec_")
	raw, err := strict64.DecodeString(encoded)
	if !prefixed || err != nil || len(raw) < minSecret || len(raw) > maxSecret {
		return nil, fmt.Errorf("it is not whsec_ and base64 of %d to %d octets", minSecret, maxSecret)
	}
	return raw, nil
}
