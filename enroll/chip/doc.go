// Package chip reads ICAO 9303 passports and cards and says whether they are genuine.
//
// Trust.Read does passive authentication (Doc 9303-11, 5.1): the hashes of the
// data groups in the signed EF.SOD, its signature, the document signer's
// certificate (DSC) under a country's CA (CSCA), and that CA's CRL. A copy of
// a chip passes that; Document.Prove tells it from the original by active
// authentication (6.1), where the chip has a key for it.
//
// All bytes come from a stranger's phone. Each format has one bounded parser;
// none reads the network. Stricter than the standards: one certificate and one
// signer in an EF.SOD, no CRLs or unsigned attributes in it, no SHA-1, RSA from
// 2048 bits and curves from 224 on. Looser than DER where documents in the
// field are: BER lengths, names whose parts are in another order, explicit
// parameters of known curves.
//
// Nothing here is secret but what a document says of its holder, so the
// arithmetic on public values does not run in constant time.
package chip
