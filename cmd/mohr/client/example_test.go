package client_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"time"

	"mohr/badge"
	"mohr/ca"
	"mohr/cmd/mohr/client"
	"mohr/complaints"
)

// A person applies. The program asks for what only the person can give.
func ExampleApplication_Run() {
	ctx := context.Background()
	c := client.New(server(), roots())
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	csr, err := client.NewCSR(signer)
	if err != nil {
		log.Fatal(err)
	}
	a, err := c.Apply(ctx, client.Wish{Person: mina, Profile: ca.NaturalSign, Locale: "fa"})
	if err != nil {
		log.Fatal(err)
	}
	issued, err := a.Run(ctx, client.Steps{
		Accept: func(_ context.Context, terms string) error {
			fmt.Println("accepted: terms of version", terms)
			return nil
		},
		Code: func(_ context.Context, ask client.CodeAsk) (string, error) { return readSMS(mina.Mobile) },
		CSR:  csr,
	})
	if err != nil {
		log.Fatal(err)
	}
	key, err := client.NewKey(signer, issued.Chain)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("profile:", client.ProfileOf(key.Certificate))
	fmt.Println("a revocation code to keep on paper:", issued.RevocationCode != "")
	// Output:
	// accepted: terms of version 1
	// profile: natural-sign
	// a revocation code to keep on paper: true
}

// What the service refuses says, in the language that was chosen, what to do.
func ExampleProblem() {
	c := client.New(server(), roots())
	c.Locale = "en"
	_, err := c.Apply(context.Background(), client.Wish{Person: client.Person{NationalCode: "123"}, Profile: ca.NaturalSign, Locale: "en"})
	var p *client.Problem
	if errors.As(err, &p) {
		fmt.Println(p.Status, p.Code)
		fmt.Println(p.Detail)
	}
	// Output:
	// 422 national_code_invalid
	// the national code is not valid; it has ten digits, the last of which checks the others: compare it with the card
}

// A certificate is renewed by a statement of its key for a new one.
func ExampleClient_Renew() {
	ctx := context.Background()
	c, old := client.New(server(), roots()), issue(davood, "")
	window, err := c.RenewalWindow(ctx, old.Certificate)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("due now:", window.Due(time.Now()))
	fmt.Println("due at the end:", window.Due(old.Certificate.NotAfter))

	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	csr, err := client.NewCSR(signer)
	if err != nil {
		log.Fatal(err)
	}
	renewal, err := c.BeginRenewal(ctx, old, csr, nil)
	if err != nil {
		log.Fatal(err)
	}
	// Keep renewal now, as JSON, with the key: after a crash it brings the
	// same certificate.
	issued, err := c.Renew(ctx, renewal)
	if err != nil {
		log.Fatal(err)
	}
	again, err := c.Renew(ctx, renewal)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the same again:", string(issued.Chain) == string(again.Chain))
	// Output:
	// due now: false
	// due at the end: true
	// the same again: true
}

// A document is signed without asking the service.
func ExampleSignDocument() {
	signature, err := client.SignDocument(context.Background(), shopKey(), []byte("one is to pay ten\n"), client.Signing{
		Format: client.JAdES, Name: "contract.txt",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.10s...\n", signature)
	// Output:
	// {"payload"...
}

// A shop asks for a badge, shows that the domain is its own, and gets it.
func ExampleClient_SendBadgeRequest() {
	ctx := context.Background()
	c := client.New(server(), roots())
	request, err := c.NewBadgeRequest(ctx, shopKey(), badge.Ask{
		LegalID: company, Domain: "shop.example", Licence: badge.Licence{Type: "enamad"}, Action: badge.ActionGrant,
	})
	if err != nil {
		log.Fatal(err)
	}
	record, err := c.SendBadgeRequest(ctx, request)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(record.State)
	publish(record.Challenge) // a file at record.Challenge.URL
	patient, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	record, err = c.AwaitBadge(patient, record, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(record.State)
	// Output:
	// waiting
	// active
}

// A shop's system answers a complaint.
func ExampleClient_AnswerComplaint() {
	c := client.New(server(), roots())
	accepted, err := c.AnswerComplaint(context.Background(), shopKey(), complain("+989990000001"), complaints.KindAnswer,
		"پوزش می‌خواهیم؛ هزینهٔ ارسال بازگردانده شد.")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(accepted.State)
	// Output:
	// answered
}

// A key that was lost to somebody ends its certificate itself.
func ExampleClient_Revoke() {
	c := client.New(server(), roots())
	entry, err := c.Revoke(context.Background(), issue(davood, ""), "", ca.KeyCompromise)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(entry.Reason)
	// Output:
	// keyCompromise
}
