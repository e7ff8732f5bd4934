package mandate

import "mohr/ca"

// Trades reports whether the certificate is one by which the person who is the
// business b as a sole trader commits to what is signed. One that was issued
// for an organisation speaks for nothing else. Its standing is the caller's to
// ask.
func Trades(a *ca.Authority, c ca.Certificate, b ca.BusinessID) bool {
	return commits(c) && c.Business == "" && a.Trader(c.Holder) == b
}
