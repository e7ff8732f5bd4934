package renew

import (
	"context"
	"strconv"
	"time"

	"mohr/ca"
	"mohr/internal/web"
)

// Info returns when the certificate of the identifier (RFC 9773 section 4.1)
// should be renewed. Where the policy lets a profile renew at all, the window
// lies in the time that it allows.
func (d *Desk) Info(ctx context.Context, certID string) (ca.RenewalInfo, error) {
	c, err := d.CA.ByCertID(ctx, certID)
	if err != nil {
		return ca.RenewalInfo{}, err
	}
	return ca.RenewalInfoOf(c, d.lead(c)), nil
}

// lead is how long before its end a certificate may be renewed; zero where no
// policy says.
func (d *Desk) lead(c ca.Certificate) time.Duration {
	if rules, ok := d.Policy.Rules(profileName(c)); ok && rules.MaxDepth > 0 {
		return rules.OpensBefore
	}
	return 0
}

type infoInput struct {
	CertID string `path:"certid" maxLength:"128" doc:"RFC 9773 section 4.1: base64url of the authority key identifier, a dot, base64url of the serial"`
}

// infoBody has the names of RFC 9773 section 4.2.
type infoBody struct {
	Window struct {
		Start time.Time `json:"start"`
		End   time.Time `json:"end"`
	} `json:"suggestedWindow" doc:"renew at a random time in it; at once if it is over"`
	Explanation string `json:"explanationURL" doc:"how to renew"`
}

type infoOutput struct {
	CacheControl string `header:"Cache-Control"`
	RetryAfter   string `header:"Retry-After" doc:"seconds until to ask again"`
	Body         infoBody
}

func (d *Desk) getInfo(ctx context.Context, in *infoInput) (*infoOutput, error) {
	i, err := d.Info(ctx, in.CertID)
	if err != nil {
		return nil, err
	}
	out := &infoOutput{CacheControl: "no-store", RetryAfter: strconv.Itoa(int(i.Again.Seconds()))}
	out.Body.Window.Start, out.Body.Window.End, out.Body.Explanation = i.Start, i.End, d.Audience+"/renew"
	return out, nil
}

// routesInfo hangs what anybody may ask of any certificate.
func (d *Desk) routesInfo(s *web.Server) {
	web.Handle(s, web.Operation{Method: "GET", Path: "/renewal-info/{certid}", ID: "get-renewal-info", Tag: "renew",
		Summary: "When a certificate should be renewed, as RFC 9773 says it; at once after an incident"}, d.getInfo)
}
