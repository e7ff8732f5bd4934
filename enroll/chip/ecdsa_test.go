package chip

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/cryptobyte"
)

func number(s string) *big.Int {
	n, ok := new(big.Int).SetString(s, 16)
	if !ok {
		panic(s)
	}
	return n
}

// The key pairs of RFC 7027, appendix A: public = private times the generator.
func TestBrainpoolMultipliesAsRFC7027Says(t *testing.T) {
	for _, v := range []struct{ curve, d, x, y string }{
		{"brainpoolP256r1", "81DB1EE100150FF2EA338D708271BE38300CB54241D79950F77B063039804F1D",
			"44106E913F92BC02A1705D9953A8414DB95E1AAA49E81D9E85F929A8E3100BE5", "8AB4846F11CACCB73CE49CBDD120F5A900A69FD32C272223F789EF10EB089BDC"},
		{"brainpoolP256r1", "55E40BC41E37E3E2AD25C3C6654511FFA8474A91A0032087593852D3E7D76BD3",
			"8D2D688C6CF93E1160AD04CC4429117DC2C41825E1E9FCA0ADDD34E6F1B39F7B", "990C57520812BE512641E47034832106BC7D3E8DD0E4C7F1136D7006547CEC6A"},
		{"brainpoolP384r1", "1E20F5E048A5886F1F157C74E91BDE2B98C8B52D58E5003D57053FC4B0BD65D6F15EB5D1EE1610DF870795143627D042",
			"68B665DD91C195800650CDD363C625F4E742E8134667B767B1B476793588F885AB698C852D4A6E77A252D6380FCAF068", "55BC91A39C9EC01DEE36017B7D673A931236D2F1F5C83942D049E3FA20607493E0D038FF2FD30C2AB67D15C85F7FAA59"},
		{"brainpoolP512r1", "16302FF0DBBB5A8D733DAB7141C1B45ACBC8715939677F6A56850A38BD87BD59B09E80279609FF333EB9D4C061231FB26F92EEB04982A5F1D1764CAD57665422",
			"0A420517E406AAC0ACDCE90FCD71487718D3B953EFD7FBEC5F7F27E28C6149999397E91E029E06457DB2D3E640668B392C2A7E737A7F0BF04436D11640FD09FD",
			"72E6882E8DB28AAD36237CD25D580DB23783961C8DC52DFA2EC138AD472A0FCEF3887CF62B623B2A87DE5C588301EA3E5FC269B373B60724F5E82A6AD147FDE7"},
	} {
		c := curves()[v.curve]
		got := c.combine(number(v.d), new(big.Int), point{c.gx, c.gy})
		if got.x.Cmp(number(v.x)) != 0 || got.y.Cmp(number(v.y)) != 0 {
			t.Errorf("%s: got %x, %x", v.curve, got.x, got.y)
		}
	}
}

func TestCurvesAreWhatTheyAreCalled(t *testing.T) {
	if len(curves()) != len(namedCurves) {
		t.Errorf("%d curves, %d names", len(curves()), len(namedCurves))
	}
	for name, c := range curves() {
		g := point{c.gx, c.gy}
		if !c.p.ProbablyPrime(20) || !c.n.ProbablyPrime(20) || !c.on(g) || c.p.BitLen() != c.n.BitLen() {
			t.Errorf("%s: p or n is not prime, or the generator not on the curve", name)
		}
		if r := c.combine(c.n, new(big.Int), g); r.x != nil {
			t.Errorf("%s: n times the generator is not infinity", name)
		}
		// 3G + 4G is 7G, and G is minus itself nowhere.
		if r, s := c.combine(big.NewInt(3), big.NewInt(4), g), c.combine(big.NewInt(7), new(big.Int), g); r.x.Cmp(s.x) != 0 || r.y.Cmp(s.y) != 0 || !c.on(r) {
			t.Errorf("%s: 3G + 4G is not 7G", name)
		}
	}
}

// The test runs the arithmetic on the curves
// that the standard library has, and openssl's signatures on the others.
func TestSignaturesByOpensslVerifyAndChangedOnesDoNot(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("MOHR_CI") != "" {
			t.Fatal("openssl is not installed: install the package openssl")
		}
		t.Skip("NOT TESTED against openssl: it is not installed; install the package openssl")
	}
	names := map[string]string{"P-224": "secp224r1", "P-256": "prime256v1", "P-384": "secp384r1", "P-521": "secp521r1"}
	for name, known := range curves() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			run := func(args ...string) {
				cmd := exec.Command("openssl", args...)
				cmd.Dir = dir
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
			}
			short := names[name]
			if short == "" {
				short = name
			}
			run("ecparam", "-name", short, "-genkey", "-noout", "-out", "key")
			run("ec", "-in", "key", "-pubout", "-out", "public")
			message := []byte("a message for " + name)
			if err := os.WriteFile(filepath.Join(dir, "message"), message, 0o600); err != nil {
				t.Fatal(err)
			}
			public, err := os.ReadFile(filepath.Join(dir, "public"))
			if err != nil {
				t.Fatal(err)
			}
			block, _ := pem.Decode(public)
			s := cryptobyte.String(block.Bytes)
			key, err := readKey(&s, "key", minRSA)
			if err != nil || key.curve != known {
				t.Fatalf("got %+v, %v", key, err)
			}
			own := *known
			own.nist = nil // our arithmetic, also where there is another
			for hash, digest := range map[string][]byte{"sha256": sum256(message), "sha512": sum512(message)} {
				run("dgst", "-"+hash, "-sign", "key", "-out", "signature", "message")
				sig, err := os.ReadFile(filepath.Join(dir, "signature"))
				if err != nil {
					t.Fatal(err)
				}
				var rs struct{ R, S *big.Int }
				if _, err := asn1.Unmarshal(sig, &rs); err != nil {
					t.Fatal(err)
				}
				for what, c := range map[string]*curve{"ours": &own, "as used": known} {
					if !c.verify(key.point, digest, rs.R, rs.S) {
						t.Errorf("%s, %s: a good signature is refused", what, hash)
					}
					other := append([]byte{digest[0] ^ 1}, digest[1:]...)
					one := big.NewInt(1)
					if c.verify(key.point, other, rs.R, rs.S) || c.verify(key.point, digest, new(big.Int).Add(rs.R, one), rs.S) ||
						c.verify(key.point, digest, rs.R, new(big.Int).Add(rs.S, one)) || c.verify(key.point, digest, rs.R, new(big.Int).Add(rs.S, c.n)) ||
						c.verify(key.point, digest, new(big.Int), rs.S) || c.verify(key.point, digest, rs.R, new(big.Int)) ||
						c.verify(point{c.gx, c.gy}, digest, rs.R, rs.S) {
						t.Errorf("%s, %s: a bad signature is taken", what, hash)
					}
				}
			}
		})
	}
}

func sum256(b []byte) []byte { s := sha256.Sum256(b); return s[:] }
func sum512(b []byte) []byte { s := sha512.Sum512(b); return s[:] }

func TestPointsThatAreNoKeys(t *testing.T) {
	c := curves()["brainpoolP256r1"]
	g := point{c.gx, c.gy}
	good := c.write(g, false)
	if _, ok := c.readPoint(good); !ok {
		t.Fatal("the generator is no point")
	}
	off := append([]byte{}, good...)
	off[64] ^= 1
	beyond := append([]byte{4}, c.p.Bytes()...)
	for name, b := range map[string][]byte{
		"none": nil, "infinity": {0}, "off the curve": off, "compressed": c.write(g, true), "one octet more": append(good, 0),
		"a coordinate not below p": append(beyond, good[33:]...),
	} {
		if _, ok := c.readPoint(b); ok {
			t.Errorf("%s is taken for a key", name)
		}
	}
}
