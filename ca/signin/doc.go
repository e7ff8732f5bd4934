// Package signin says who sits before a browser, and asks again before what counts.
//
// A person signs in by a statement that their key signed, by a TLS client
// certificate, by a passkey, or by a login at the eID provider; a session
// (internal/session) then carries who it is. Other rooms use four things:
//
//	who, err := d.Who(ctx, r)               // Denied (session_none): nobody is signed in
//	return d.Ask(c)                         // in http.go: to the page that signs in, and back here
//	p, err := d.Confirmed(ctx, who, purpose) // Denied (confirm_needed): there is no fresh proof
//	return d.AskConfirm(c, purpose, back)   // in http.go: to the page that asks for one, and back
//	err := p.Use(tx)                        // in the transaction of the deed: the proof serves once
//
// A session authorises nothing that issues, revokes or signs. For that a room
// asks for a Proof: a signature, a passkey's assertion or a login, made within
// the last minutes, for this one purpose, by the person who is signed in. Its
// text is shown to them before: a room that makes purposes of a kind has a text
// "signin.purpose.KIND" with the purpose's subject as its argument.
//
// Who signed in with a certificate of an organisation acts for it and not for
// themselves, and the other way round: Who.Business says as whom. What rests on
// a certificate (a session, a passkey added in it) ends when that certificate
// is revoked or suspended, unless it was only replaced by the next one.
package signin
