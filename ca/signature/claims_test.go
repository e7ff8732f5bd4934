package signature_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"mohr/ca/signature"
)

type testStatement struct {
	signature.Claims
	Wish string `json:"wish"`
}

func TestClaimsOfAStatementAreJudgedByTheirRule(t *testing.T) {
	b := newBench(t)
	key := b.key(t, "p256")
	now := time.Now().UTC().Truncate(time.Second)
	const kind, aud = "mohr-test/1", "https://localhost:8443"
	own, err := b.verifier.JWS(t.Context(), mustJWS(t, "{}", key), typ)
	wantCode(t, err, "")
	good := map[string]string{
		"type": `"mohr-test/1"`, "aud": `"https://localhost:8443"`, "certificate_sha256": fmt.Sprintf("%q", own.CertificateSHA256()),
		"nonce": `"n"`, "iat": at(now, 0), "exp": at(now, time.Hour), "wish": `"badge"`,
	}
	for _, c := range []struct {
		name    string
		payload string
		code    string
	}{
		{"all that is asked", object(good), ""},
		{"signed five minutes ago", object(with(good, "iat", at(now, -5*time.Minute))), ""},
		{"signed longer ago", object(with(good, "iat", at(now, -5*time.Minute-time.Second))), "statement_time"},
		{"signed in the future", object(with(good, "iat", at(now, 5*time.Minute+time.Second))), "statement_time"},
		{"ended now", object(with(good, "exp", at(now, 0))), "statement_time"},
		{"ends later than a day after", object(with(good, "exp", at(now, 24*time.Hour+time.Second))), "statement_time"},
		{"no end", object(with(good, "exp", "")), "statement_time"},
		{"an end beyond all time", object(with(good, "exp", "9223372036854775807")), "statement_time"},
		{"no beginning", object(with(good, "iat", "")), "statement_time"},
		{"another type", object(with(good, "type", `"mohr-renew/1"`)), "statement_type"},
		{"no type", object(with(good, "type", "")), "statement_type"},
		{"another audience", object(with(good, "aud", `"https://localhost:8443/"`)), "statement_audience"},
		{"no audience", object(with(good, "aud", "")), "statement_audience"},
		{"another certificate", object(with(good, "certificate_sha256", `"00"`)), "statement_certificate"},
		{"no certificate", object(with(good, "certificate_sha256", "")), "statement_certificate"},
		{"certificate in upper case", object(with(good, "certificate_sha256", strings.ToUpper(good["certificate_sha256"]))), "statement_certificate"},
		{"an unknown key", object(with(good, "more", "1")), "statement_malformed"},
		{"a key twice", strings.Replace(object(good), "{", `{"type":"mohr-test/1",`, 1), "statement_malformed"},
		{"a key in other case", object(with(good, "wish", "", "Wish", `"badge"`)), "statement_malformed"},
		{"a time in words", object(with(good, "iat", fmt.Sprintf("%q", now.Format(time.RFC3339)))), "statement_malformed"},
		{"something after the object", object(good) + "x", "statement_malformed"},
		{"no object", `"x"`, "statement_malformed"},
		{"null", `null`, "statement_type"},
		{"larger than the limit", object(good) + strings.Repeat(" ", 64<<10), "statement_malformed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := b.verifier.JWS(t.Context(), mustJWS(t, c.payload, key), typ)
			wantCode(t, err, "")
			got, claims, err := signature.ParseClaims[testStatement](s, kind, aud, now)
			wantCode(t, err, c.code)
			if c.code == "" && (got.Wish != "badge" || claims.Nonce != "n" || got.Claims != claims) {
				t.Errorf("got %+v and %+v", got, claims)
			}
		})
	}
	t.Run("a service without a name takes no statement", func(t *testing.T) {
		s, err := b.verifier.JWS(t.Context(), mustJWS(t, object(with(good, "aud", `""`)), key), typ)
		wantCode(t, err, "")
		_, _, err = signature.ParseClaims[testStatement](s, kind, "", now)
		wantCode(t, err, "statement_audience")
	})
	t.Run("the zero Signed is nobody's statement", func(t *testing.T) {
		_, _, err := signature.ParseClaims[testStatement](signature.Signed{}, kind, aud, now)
		wantCode(t, err, "statement_malformed")
	})
}

func at(now time.Time, d time.Duration) string { return fmt.Sprint(now.Add(d).Unix()) }
