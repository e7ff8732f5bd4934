package lint

var roleCases = []certificateCase{
	{"a signature that is a client too", "sign_only", naturalSign, func(c *cert) { c.set(ekuOf(oidDocumentSigning, oidClientAuth)) }},
	{"a client that commits", "tls_key_usage", login, func(c *cert) { c.set(keyUsage(6, 0xc0)) }},
	{"a server without a name", "tls_names", tls, func(c *cert) { c.drop(oidSAN) }},
	{"a server with a wildcard", "names_without_wildcard", tls, func(c *cert) { c.set(extn{oidSAN, false, seq(implicit(2, []byte("*.mohr.test")))}) }},
	{"time stamping beside another usage", "stamping_alone", stamping, func(c *cert) {
		c.set(ekuOf(oidTimeStamping, oidDocumentSigning))
		c.critical(oidExtKeyUsage, true)
	}},
	{"time stamping that is not critical", "stamping_alone", stamping, func(c *cert) { c.critical(oidExtKeyUsage, false) }},
	{"time stamping that agrees on keys", "stamping_key_usage", stamping, func(c *cert) { c.set(keyUsage(3, 0x88)) }},
	{"time stamping without an end of its key", "stamping_key_period", stamping, func(c *cert) { c.drop(oidPrivateKeyUsage) }},
	{"time stamping with a key that outlives its certificate", "stamping_key_period", stamping, func(c *cert) {
		c.set(extn{oidPrivateKeyUsage, false, seq(implicit(0, []byte("20261123120000Z")), implicit(1, []byte("20290523120000Z")))})
	}},
	{"time stamping with a key of fractions of seconds", "stamping_key_period", stamping, func(c *cert) {
		c.set(extn{oidPrivateKeyUsage, false, seq(implicit(0, []byte("20261123120000Z")), implicit(1, []byte("20270523120000.5Z")))})
	}},
	{"a responder that is a client too", "responder_alone", responder, func(c *cert) { c.set(ekuOf(oidOCSPSigning, oidClientAuth)) }},
	{"a responder that commits", "responder_alone", responder, func(c *cert) { c.set(keyUsage(6, 0xc0)) }},
	{"a responder without ocsp-nocheck", "responder_no_check", responder, func(c *cert) { c.drop(oidOCSPNoCheck) }},
	{"an empty ocsp-nocheck", "responder_no_check", responder, func(c *cert) { c.set(extn{oidOCSPNoCheck, false, []byte{}}) }},
	{"a responder of a year", "responder_no_check", responder, func(c *cert) { c.to = c.from.Add(365 * day) }},
	{"ocsp-nocheck of a signature", "responder_no_check", naturalSign, func(c *cert) { c.set(extn{oidOCSPNoCheck, false, null}) }},
	{"a responder that says where to ask", "unrevoked_says_nothing", responder, func(c *cert) { c.set(crlPoint("http://mohr.test/crl/sign-p256/0.crl")) }},
	{"a critical noRevAvail", "short_form", short, func(c *cert) { c.critical(oidNoRevAvail, true) }},
	{"a noRevAvail that is not NULL", "short_form", short, func(c *cert) { c.set(extn{oidNoRevAvail, false, seq()}) }},
	{"a short life of 25 hours", "short_life", short, func(c *cert) { c.to = c.from.Add(25 * 3600e9) }},
	{"a short-lived one with CRL", "unrevoked_says_nothing", short, func(c *cert) { c.set(crlPoint("http://mohr.test/crl/sign-p256/0.crl")) }},
	{"a short-lived one with a delta CRL", "unrevoked_says_nothing", short, func(c *cert) {
		e := crlPoint("http://mohr.test/crl/sign-p256/0.crl")
		e.id = oidFreshestCRL
		c.set(e)
	}},
	{"a short-lived one with OCSP", "unrevoked_says_nothing", short, func(c *cert) {
		c.set(access("http://mohr.test/ocsp/sign-p256", "http://mohr.test/ca/sign-p256.cer"))
	}},
	{"no OCSP", "ocsp_url", naturalSign, func(c *cert) { c.set(access("", "http://mohr.test/ca/sign-p256.cer")) }},
	{"OCSP behind TLS", "ocsp_url", naturalSign, func(c *cert) {
		c.set(access("https://mohr.test/ocsp/sign-p256", "http://mohr.test/ca/sign-p256.cer"))
	}},
	{"no CRL", "crl_url", naturalSign, func(c *cert) { c.drop(oidCRLDP) }},
	{"a CRL in a directory", "crl_url", naturalSign, func(c *cert) { c.set(crlPoint("ldap://mohr.test/cn=crl")) }},
	{"a critical CRL distribution point", "crl_url", naturalSign, func(c *cert) { c.critical(oidCRLDP, true) }},
	{"a CRL for some reasons", "crl_url", naturalSign, func(c *cert) {
		c.set(crlPoint("http://mohr.test/crl/sign-p256/0.crl", implicit(1, []byte{1, 0x40})))
	}},
}
