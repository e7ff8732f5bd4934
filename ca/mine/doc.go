// Package mine shows people who signed in their certificates, and ends those.
//
// Who acts for an organisation sees what they hold for it, who acts for
// themselves what they hold for themselves (ca/signin). A deed needs a fresh
// proof made for it alone, and is done in the transaction that uses it up.
package mine
