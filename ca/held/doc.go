// Package held keeps holders' keys, and signs with one only when its holder says so.
//
// A key is made in the service's HSM and kept wrapped (hsm.Wrapped), sealed
// together with whose it is; where the holder's passkey has the PRF extension,
// under its secret too. It signs hashes by one ceremony: the holder's passkey
// answers, with the person verified, a challenge that is a hash over a nonce of
// ours, the key, the purpose and the hashes. wanted.go says what is asked,
// sign.go judges the answer, records it with its leaf in the log, and only then
// opens the key. No other file of this program uses hsm.Keyring.SignWrapped.
package held
