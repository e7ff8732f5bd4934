package mine

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"mohr/ca/approval"
	"mohr/ca/mandate"
	"mohr/ca/signin"
	"mohr/internal/fault"
)

// mandatesPurpose is what a proof is for that shows who acts for an
// organisation: their national codes are among it.
func mandatesPurpose(legalID string) signin.Purpose { return signin.Purpose("mandates/" + legalID) }

func seer(who signin.Who) mandate.Seer {
	return mandate.Seer{Holder: who.Holder, Business: who.Business}
}

// errNoPerson is for operators, of whom no person is known.
func errNoPerson() error {
	return fault.New(fault.Denied, "mine_no_person", "operators act for nobody here; sign in with your own certificate, passkey or eID")
}

// MandatesOf returns who acts for an organisation, for who may see it and has
// just proven again who they are; legalID is in its one form. The proof is for
// looking and not used up.
func (d *Desk) MandatesOf(ctx context.Context, who signin.Who, legalID string) (mandate.Shown, error) {
	if who.Holder == "" {
		return mandate.Shown{}, errNoPerson()
	}
	if _, err := d.SignIn.Confirmed(ctx, who, mandatesPurpose(legalID)); err != nil {
		return mandate.Shown{}, err
	}
	return d.Mandates.Of(ctx, seer(who), legalID)
}

// lives are the days for which a mandate can be given on the page.
var lives = []int{30, 180, 365, 1095}

// mandateForm is what an administrator fills in.
type mandateForm struct {
	LegalID, NationalCode, Title string
	Scopes                       []mandate.Scope
	Delegate                     bool
	Under                        mandate.ID
	Days                         string
}

// terms are those of the form from now on, in the form in which they are signed.
func (d *Desk) terms(f mandateForm) (mandate.GrantTerms, error) {
	days, err := strconv.Atoi(f.Days)
	if err != nil || !slices.Contains(lives, days) {
		return mandate.GrantTerms{}, fault.New(fault.Invalid, "mine_mandate_days", "choose how long the mandate lasts")
	}
	from := d.now()
	return d.Mandates.Drafted(mandate.GrantTerms{LegalID: f.LegalID, NationalCode: f.NationalCode, Title: f.Title, Scopes: f.Scopes,
		Delegate: f.Delegate, Under: f.Under, ValidFrom: from, ValidTo: from.Add(time.Duration(days) * 24 * time.Hour)})
}

// toSign is what the page has a key sign, and the command that does the same.
type toSign struct {
	Type    string
	More    string // JSON, of the statement beside the claims that every one has
	Command string // for who has the key elsewhere
}

func newToSign(typ string, v any, command string) (toSign, error) {
	b, err := json.Marshal(v)
	return toSign{typ, string(b), command}, err
}

// signTerms has terms signed, by the first who gives the mandate or by another
// who joins: of both it is the same.
func (d *Desk) signTerms(t mandate.GrantTerms, joins mandate.ID) (toSign, error) {
	command := fmt.Sprintf("mohr mandate give --server %s --legal-id %s", d.Mandates.Audience, t.LegalID)
	if joins != "" {
		command += fmt.Sprintf(" --join %s --yes", joins)
	} else {
		names := make([]string, len(t.Scopes))
		for i, s := range t.Scopes {
			names[i] = string(s)
		}
		command += fmt.Sprintf(" --title TITLE --scope %s --days %d", strings.Join(names, ","), int(t.ValidTo.Sub(t.ValidFrom)/(24*time.Hour)))
		if t.Under != "" {
			command += " --under " + string(t.Under)
		}
		if t.Delegate {
			command += " --delegate"
		}
		command += " < code.txt"
	}
	return newToSign(mandate.StatementType, t, command)
}

// signEnding has a revocation signed with what its plan says.
func (d *Desk) signEnding(p mandate.Ending, r mandate.Reason) (toSign, error) {
	command := fmt.Sprintf("mohr mandate revoke %s --server %s --reason %s --yes", p.Mandate, d.Mandates.Audience, r)
	if p.Given {
		command += " --given"
	}
	if !p.Certificates {
		command += " --keep-certificates"
	}
	more := struct {
		mandate.Choice
		Reason     mandate.Reason `json:"reason"`
		PlanSHA256 string         `json:"plan_sha256"`
	}{p.Choice, r, p.SHA256}
	return newToSign(mandate.RevokeType, more, command)
}

// deed takes a signed statement in, and returns what became of the mandate.
func (d *Desk) deed(ctx context.Context, typ string, statement []byte) (mandate.Mandate, error) {
	take := map[string]func(context.Context, approval.Signed) (mandate.Mandate, error){
		mandate.StatementType: d.Mandates.Give, mandate.RevokeType: d.Mandates.Revoke,
	}[typ]
	if take == nil || len(statement) == 0 {
		return mandate.Mandate{}, fault.New(fault.Invalid, "mine_statement", "there is no signed statement; sign what the page shows with your key, or by the command")
	}
	return take(ctx, approval.Signed{Signature: statement})
}
