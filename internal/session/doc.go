// Package session keeps who is signed in, by a cookie that only one browser has.
//
// A session is a record in the store under the SHA-256 of its token; the token
// itself is nowhere but in the browser's cookie. It ends when it was not used
// for a while, a fixed time after it began at the latest, and when its subject
// or the desk that keeps it ends it. Each sign-in has a token of its own: the
// one that the browser had before ends with it, so that nobody can sign
// another into a session that he knows.
//
// What a session says of its subject is the desk's that begins it (ca/signin);
// here it is carried and not read.
package session
