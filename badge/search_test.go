package badge_test

import (
	"strings"
	"testing"

	"mohr/ca"
	"mohr/ca/catest"
	"mohr/internal/fault"
)

func TestAGrantedBadgeIsFoundByPartsOfWhatItIsOf(t *testing.T) {
	b := newBench(t)
	id := b.granted(t).ID
	name := strings.Fields(catest.Zahra.LegalName)
	for asked, want := range map[string]int{
		"shop": 1, "sho exam": 1, catest.Zahra.LegalID: 1, catest.Zahra.LegalID[:6]: 1, name[len(name)-1]: 1, catest.Zahra.LegalName: 1,
		"shop elsewhere": 0, "hop": 0, "99999": 0,
	} {
		found, err := b.Find(t.Context(), asked)
		if err != nil || len(found) != want || want == 1 && (found[0].ID != id || !found[0].Live()) {
			t.Errorf("%q: %+v, %v", asked, found, err)
		}
	}
	for _, asked := range []string{"", "a", " . ", "شرکت"} {
		if _, err := b.Find(t.Context(), asked); fault.Code(err) != "badge_question" {
			t.Errorf("%q: %v", asked, err)
		}
	}
	if err := b.ca.Revoke(t.Context(), b.cert.Serial, ca.KeyCompromise, "holder"); err != nil {
		t.Fatal(err)
	}
	if found, err := b.Find(t.Context(), "shop"); err != nil || len(found) != 1 || found[0].Live() {
		t.Errorf("once its certificate is revoked: %+v, %v", found, err)
	}
}

func TestABadgeThatWasNotGrantedIsNotFound(t *testing.T) {
	b := newBench(t)
	b.request(t)
	if found, err := b.Find(t.Context(), "shop"); err != nil || len(found) != 0 {
		t.Errorf("%+v, %v", found, err)
	}
}

// A domain that somebody typed is answered for exactly that one: what only
// begins like it may be what he was led away from.
func TestAnAddressIsNotAnsweredWithOneThatIsLikeIt(t *testing.T) {
	b := newBench(t)
	s := b.portalOf(t)
	b.granted(t)
	for asked, want := range map[string]bool{"shop.example": true, "shop": true, "shop.exam": false, "sho.example": false, "https://shop.example": false} {
		page := get(t, s.URL+"/badge?lang=en&domain="+asked)
		if got := strings.Contains(page.body, `<bdi dir="ltr">shop.example</bdi>`); got != want {
			t.Errorf("%q: the badge is shown: %v", asked, got)
		}
	}
}
