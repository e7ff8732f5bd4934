import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.security.cert.CertPath;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateFactory;
import java.security.cert.CertificateRevokedException;
import java.security.cert.Extension;
import java.security.cert.PKIXParameters;
import java.security.cert.PKIXRevocationChecker;
import java.security.cert.PKIXRevocationChecker.Option;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

// Validates chains with one source of revocation each and without any other:
//
//     java Revocation.java ROOT.pem (crl|ocsp|ocsp-nonce CHAIN.pem)...
//
// A line each: "valid", or why not. The chains begin with the end entity.
public class Revocation {
    public static void main(String[] args) throws Exception {
        X509Certificate root = read(args[0]).get(0);
        for (int n = 1; n < args.length; n += 2) {
            System.out.println(check(root, args[n], read(args[n + 1])));
        }
    }

    static List<X509Certificate> read(String file) throws Exception {
        try (InputStream in = Files.newInputStream(Path.of(file))) {
            List<X509Certificate> list = new ArrayList<>();
            for (var c : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
                list.add((X509Certificate) c);
            }
            return list;
        }
    }

    static String check(X509Certificate root, String source, List<X509Certificate> chain) throws Exception {
        CertPath path = CertificateFactory.getInstance("X.509").generateCertPath(chain);
        CertPathValidator validator = CertPathValidator.getInstance("PKIX");
        PKIXRevocationChecker checker = (PKIXRevocationChecker) validator.getRevocationChecker();
        if (source.equals("crl")) {
            checker.setOptions(EnumSet.of(Option.PREFER_CRLS, Option.NO_FALLBACK));
        } else {
            // The issuing CA itself is on the root's CRL only.
            checker.setOptions(EnumSet.of(Option.ONLY_END_ENTITY, Option.NO_FALLBACK));
        }
        if (source.equals("ocsp-nonce")) {
            checker.setOcspExtensions(List.of(new Nonce()));
        }
        PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(root, null)));
        parameters.addCertPathChecker(checker);
        try {
            validator.validate(path, parameters);
            return "valid";
        } catch (CertPathValidatorException e) {
            if (e.getCause() instanceof CertificateRevokedException revoked) {
                return "revoked " + revoked.getRevocationReason() + " at " + e.getIndex();
            }
            return "invalid: " + e.getReason() + ": " + e;
        }
    }

    // Nonce is the extension of RFC 9654, which the JDK compares with the answer's.
    static class Nonce implements Extension {
        private final byte[] value = new byte[2 + 32];

        Nonce() {
            byte[] random = new byte[32];
            new SecureRandom().nextBytes(random);
            value[0] = 4;
            value[1] = 32;
            System.arraycopy(random, 0, value, 2, random.length);
        }

        @Override public String getId() { return "1.3.6.1.5.5.7.48.1.2"; }
        @Override public boolean isCritical() { return false; }
        @Override public byte[] getValue() { return value.clone(); }

        // encode writes Extension ::= SEQUENCE { OBJECT IDENTIFIER, OCTET STRING }.
        @Override public void encode(OutputStream out) throws java.io.IOException {
            byte[] id = {6, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 2};
            ByteArrayOutputStream b = new ByteArrayOutputStream();
            b.write(id);
            b.write(4);
            b.write(value.length);
            b.write(value);
            out.write(0x30);
            out.write(b.size());
            out.write(b.toByteArray());
        }
    }
}
