// Package refregistry is a registry that one can carry: invented people over real HTTP.
//
// Server answers the questions of internal/gateway as a national registry
// would, with faults on demand, and signs what it answers. Around it lies the
// little world that a merchant needs in development: an outbox of messages, a
// web server for shops, and name servers that know their domains; and for an
// applicant an eID provider. Everything from it is environment "simulated".
//
// # Signatures
//
// Every answer with status 200 to a POST below /v1/person, /v1/mobile,
// /v1/legal, /v1/licence, /v1/face and /v1/sms carries Content-Digest (RFC
// 9530, sha-256) and an HTTP message signature (RFC 9421) with the label
// "registry", by an Ed25519 key, over
//
//	"@status" "content-digest" "@method";req "@path";req "content-digest";req "inquiry-nonce";req
//
// with the parameters created, keyid and alg, in this order. The question
// must have a Content-Digest and a header Inquiry-Nonce of 16 to 64 letters of base64url,
// so that an answer belongs to one question and to one time of asking it.
package refregistry
