package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"mohr/cmd/mohr/bench/load"
)

// holder applies, and lives the life of a deed.
func (k *soaking) holder(ctx context.Context, dice *rand.Rand) {
	a, err := k.apply(ctx, dice)
	if err != nil {
		k.giveUp("an application", err)
		return
	}
	n := dice.IntN(6)
	d := &deed{applicant: a, revokes: n < 2, renews: n == 2, twice: dice.IntN(3) == 0, dice: dice}
	k.mu.Lock()
	k.out.Applied++
	k.deeds = append(k.deeds, d)
	k.mu.Unlock()
	k.live(ctx, d)
	if d.cert == nil {
		return
	}
	if path, err := d.crlPath(); err == nil {
		k.mu.Lock()
		k.list = path
		k.mu.Unlock()
	}
}

// giveUp counts what was refused before anything was promised.
func (k *soaking) giveUp(what string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.out.GivenUp++; k.out.GivenUp <= 3 {
		k.say("  given up: %s: %v", what, err)
	}
}

// next is the person whose turn it is.
func (k *soaking) next() person {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked++
	return k.people[k.asked%len(k.people)]
}

// apply takes an application to its approval while things break.
func (k *soaking) apply(ctx context.Context, dice *rand.Rand) (*applicant, error) {
	a := &applicant{person: k.next()}
	if err := a.makeKey(); err != nil {
		return nil, err
	}
	var out applicationAnswer
	step := func(path string, in any) error { return k.post(ctx, dice, path, a.token, in, &out) }
	who := map[string]string{"national_code": a.NationalCode, "birth_date": a.BirthDate, "mobile": a.Mobile, "names_latin": ""}
	if err := step("/api/v1/applications", map[string]any{"person": who, "profile": "natural-sign", "locale": "en"}); err != nil {
		return nil, err
	}
	a.id, a.token = out.ID, out.Token
	if err := step(a.path("/consent"), map[string]any{"accepted": true, "terms_version": out.Terms}); err != nil {
		return nil, err
	}
	code, err := k.code(ctx, a.Mobile)
	if err != nil {
		return nil, err
	}
	if err := step(a.path("/evidence/otp_sms"), map[string]any{"code": code}); err != nil {
		return nil, err
	}
	if err := step(a.path("/evidence/face_match"), map[string]any{"session": "soak"}); err != nil {
		return nil, err
	}
	// Registers that were away are asked again by a job.
	for begun := time.Now(); out.Stage != "approved"; wait(ctx, 500*time.Millisecond) {
		if time.Since(begun) > answerWithin || ctx.Err() != nil {
			return nil, fmt.Errorf("the application is still %s", out.Stage)
		}
		body, last, ok := k.ask(ctx, dice, "application", load.Get(a.path(""), "Authorization: Bearer "+a.token))
		if !ok {
			return nil, fmt.Errorf("%s", last)
		}
		if err := json.Unmarshal(body, &out); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// post sends a step with a key of its own until it is answered.
func (k *soaking) post(ctx context.Context, dice *rand.Rand, path, token string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	headers := []string{fmt.Sprintf("Idempotency-Key: soak-%016x", dice.Uint64())}
	if token != "" {
		headers = append(headers, "Authorization: Bearer "+token)
	}
	answer, last, ok := k.ask(ctx, dice, "step", load.Post(path, "application/json", body, headers...))
	if !ok {
		return fmt.Errorf("%s: %s", path, last)
	}
	return json.Unmarshal(answer, out)
}

// code waits for the code that was sent to a phone.
func (k *soaking) code(ctx context.Context, mobile string) (string, error) {
	for begun := time.Now(); time.Since(begun) < 20*time.Second && ctx.Err() == nil; wait(ctx, 100*time.Millisecond) {
		short, cancel := context.WithTimeout(ctx, 5*time.Second)
		codes, err := k.codes(short)
		cancel()
		if err == nil && codes[mobile] != "" {
			return codes[mobile], nil
		}
	}
	return "", fmt.Errorf("no code for %s", mobile)
}

// complain files a complaint against the shop.
func (k *soaking) complain(ctx context.Context, dice *rand.Rand) {
	mobile := fmt.Sprintf("+98999%07d", dice.IntN(10_000_000))
	var draft, ticket struct{ ID, Token string }
	err := k.post(ctx, dice, "/api/v1/complaints", "", map[string]any{
		"business": k.shop.Business, "category": "late_delivery", "text": "سفارش من با یک هفته تأخیر رسید.",
		"purchase": map[string]any{"order": fmt.Sprintf("T-%d", dice.Uint32()), "day": time.Now().UTC().AddDate(0, 0, -9).Format(time.DateOnly), "amount": 1_250_000},
		"contact":  map[string]any{"mobile": mobile},
	}, &draft)
	code := ""
	if err == nil {
		code, err = k.code(ctx, mobile)
	}
	if err == nil {
		err = k.post(ctx, dice, "/api/v1/complaints/"+draft.ID+"/confirm", draft.Token, map[string]string{"code": code}, &ticket)
	}
	if err != nil {
		k.giveUp("a complaint", err)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.out.Filed++
	k.told[ticket.ID] = true
}

// read looks at what the public sees, at either process.
func (k *soaking) read(ctx context.Context, dice *rand.Rand) {
	for _, path := range []string{"/", "/badge/" + k.shop.Badge + ".svg", "/badge/" + k.shop.Badge, "/api/v1/badges/" + k.shop.Badge} {
		portal, _ := k.doors(dice.IntN(len(k.nodes)))
		k.readOne(ctx, "page", portal, path)
	}
	k.mu.Lock()
	list := k.list
	k.mu.Unlock()
	if list != "" {
		_, plain := k.doors(dice.IntN(len(k.nodes)))
		k.readOne(ctx, "crl", plain, list)
	}
}

func (k *soaking) readOne(ctx context.Context, kind string, door load.Door, path string) {
	begun := time.Now()
	status, body, err := once(ctx, door, load.Get(path))
	switch {
	case err == nil && status == http.StatusOK:
		k.noted(kind, time.Since(begun))
	case err != nil || comesAgain(status):
		k.noted(kind, -1)
	default:
		k.accuse(&k.damage.Wrong, "%s: status %d: %.300s", path, status, body)
	}
}
