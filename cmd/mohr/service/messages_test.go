package service

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"mohr/badge"
	"mohr/complaints"
	"mohr/enroll"
	"mohr/internal/notify"
	"mohr/internal/otp"
	"mohr/renew"
)

// maxParts is how many SMS a message may take.
const maxParts = 4

func TestEveryMessageIsWordedInBothLanguages(t *testing.T) {
	texts, err := allTexts()
	if err != nil {
		t.Fatal(err)
	}
	address := regexp.MustCompile(`https?://\S+|shop\.example|[0-9a-f]{30,}|c-[0-9a-f]+|\d\d:\d\d UTC|SMS|TLS`)
	for _, s := range samples("https://mohr.example", time.Now()) {
		said := map[string]string{}
		for _, lang := range []string{"fa", "en"} {
			text := s.In(func(key string, args ...any) string { return texts.Text(lang, key, args...) })
			said[lang] = text
			if text == s.Key || strings.Contains(text, "%!") || strings.Contains(text, "\n") {
				t.Errorf("%s in %s: %q", s.Key, lang, text)
			}
			if n := notify.Parts(text); n > maxParts {
				t.Errorf("%s in %s takes %d SMS: %s", s.Key, lang, n, text)
			}
			if plain := address.ReplaceAllString(text, ""); lang == "fa" && s.Key != "code_message" && regexp.MustCompile(`[A-Za-z0-9]`).MatchString(plain) {
				t.Errorf("%s in Persian has Latin letters or digits: %s", s.Key, text)
			}
			for _, word := range regexp.MustCompile(`https?://\S+`).FindAllString(text, -1) {
				if u, err := url.Parse(word); err != nil || u.Host != "mohr.example" {
					t.Errorf("%s in %s leads to %s", s.Key, lang, word)
				}
			}
		}
		if said["fa"] == said["en"] {
			t.Errorf("%s has one language only", s.Key)
		}
	}
}

// TestEveryTextThatIsSentHasASample: a message that nobody sees beforehand
// would be worded by nobody, and looked through for secrets by nobody.
func TestEveryTextThatIsSentHasASample(t *testing.T) {
	shown := map[string]bool{}
	for _, s := range samples("https://mohr.example", time.Now()) {
		shown[s.Key] = true
		for _, a := range s.Args {
			if w, ok := a.(notify.Word); ok {
				shown[string(w)] = true
			}
		}
	}
	sent := regexp.MustCompile(`(?m)^(code_message|enroll\.sms\.\w+|renew\.(?:remind|notice)(?:_anew)?|complaints\.(?:message|news)\.\w+|badge_notice_\w+):`)
	n := 0
	for _, file := range [][]byte{otp.Texts, enroll.Texts, renew.Texts, complaints.Texts, badge.Texts} {
		for _, m := range sent.FindAllSubmatch(file, -1) {
			if n++; !shown[string(m[1])] {
				t.Errorf("%s is sent and has no sample", m[1])
			}
		}
	}
	if n < 30 {
		t.Errorf("only %d texts are sent", n)
	}
}
