// Package scep carries enrollment and renewal over SCEP to their desks.
//
// It follows RFC 8894 and issues nothing on its own word. PKCSReq hands in the
// key of an approved application, by its one-time secret as challengePassword;
// RenewalReq is signed with the certificate that is renewed, and goes through
// the same window, registers and policy as any other way; CertPoll asks again
// while a person or a register has to act; GetCert gives a holder a certificate
// of the same holder. Of a request only the public key and the proof of its
// possession are read, and the challengePassword.
//
// In SCEP the certificate's key signs messages and decrypts answers, so only
// RSA keys can use it, and only certificates for authentication are had by it:
// the key of a certificate for signing does nothing else. Stricter than the
// standard: AES and SHA-2 only, one recipient, strict DER. What cannot be opened
// gets one answer, whatever is wrong inside, so that nobody learns of a message
// that is not theirs.
package scep
