// Package acme gives merchants' servers their certificates by ACME (RFC 8555).
//
// The protocol is smallstep's, and this is the only place that knows
// github.com/smallstep/certificates. Its handlers stand on our records
// (database), its authority signs through CAS, and CAS issues through
// ca.Issue: what a protocol's template asks for is compared with the approved
// order and never copied.
//
// A business asks for an external account key by a statement signed with a
// certificate that acts for it (Keys); the key binds one ACME account to the
// business (RFC 8555 section 7.3.4). An account orders certificates for
// domains that are proven for a badge of its business, and for no other name.
// The authorizations of such an order are valid from the start (RFC 8555
// section 7.1.6): the badge's own check of the domain, repeated for as long as
// the badge lives, is the proof, and it is asked for again, in the transaction
// that records the intent, when the certificate is about to be signed.
//
// Where keys in TPMs are believed, there is a directory for each profile of
// persons too. An account there is bound to one approved application, by a key
// that the applicant is given; its one identifier is the application's number,
// and its one challenge, device-attest-01, is met by the application's TPM,
// which certifies the attested key once more over the key authorization. We
// judge that ourselves before smallstep sees the challenge, and the
// certificate is issued by the application (Applications), not by this room.
//
// Nonces are not stored. They carry their time and a MAC, and each node
// remembers for their life which ones it saw. A request that is sent again to
// another node gets past that and changes nothing: an account's id follows
// from its key, an order's from its nonce, a certificate from its order, and
// what ends stays ended.
package acme
