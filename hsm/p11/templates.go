//go:build cgo && !nopkcs11

package p11

import "github.com/miekg/pkcs11"

// attributes are those of a template, by pairs of type and value.
func attributes(pairs ...any) (list []*pkcs11.Attribute) {
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, pkcs11.NewAttribute(uint(pairs[i].(int)), pairs[i+1]))
	}
	return list
}

// wrappingTemplate is that of a key that wraps, and does nothing else: who may
// use it cannot read through it what it wrapped.
func wrappingTemplate(label string, id []byte) []*pkcs11.Attribute {
	return attributes(
		pkcs11.CKA_TOKEN, true, pkcs11.CKA_PRIVATE, true, pkcs11.CKA_SENSITIVE, true, pkcs11.CKA_EXTRACTABLE, false,
		pkcs11.CKA_VALUE_LEN, 32, pkcs11.CKA_WRAP, true, pkcs11.CKA_UNWRAP, true,
		pkcs11.CKA_ENCRYPT, false, pkcs11.CKA_DECRYPT, false, pkcs11.CKA_LABEL, label, pkcs11.CKA_ID, id,
	)
}

func publicTemplate() []*pkcs11.Attribute {
	return attributes(pkcs11.CKA_TOKEN, false, pkcs11.CKA_VERIFY, true, pkcs11.CKA_EC_PARAMS, p256)
}

// privateTemplate is that of a holder's key in the token; only a fresh one is
// extractable, that is: can be wrapped.
func privateTemplate(fresh bool) []*pkcs11.Attribute {
	return attributes(
		pkcs11.CKA_TOKEN, false, pkcs11.CKA_PRIVATE, true, pkcs11.CKA_SENSITIVE, true, pkcs11.CKA_EXTRACTABLE, fresh,
		pkcs11.CKA_SIGN, true,
	)
}

func unwrapTemplate() []*pkcs11.Attribute {
	return append(attributes(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY, pkcs11.CKA_KEY_TYPE, pkcs11.CKK_EC), privateTemplate(false)...)
}
