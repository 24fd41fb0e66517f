import java.io.FileInputStream;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.*;

/** Serves one page after another to clients with a certificate: Server.java CA KEYSTORE PORT. */
class Server {
  public static void main(String[] a) throws Exception {
    KeyStore trust = KeyStore.getInstance(KeyStore.getDefaultType());
    trust.load(null, null);
    trust.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(new FileInputStream(a[0])));
    TrustManagerFactory tmf = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    tmf.init(trust);
    KeyStore own = KeyStore.getInstance("PKCS12");
    own.load(new FileInputStream(a[1]), "changeit".toCharArray());
    KeyManagerFactory kmf = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    kmf.init(own, "changeit".toCharArray());
    SSLContext ctx = SSLContext.getInstance("TLS");
    ctx.init(kmf.getKeyManagers(), tmf.getTrustManagers(), null);
    SSLServerSocket l = (SSLServerSocket) ctx.getServerSocketFactory().createServerSocket(Integer.parseInt(a[2]), 10,
        java.net.InetAddress.getByName("127.0.0.1"));
    l.setNeedClientAuth(true);
    while (true) {
      try (SSLSocket s = (SSLSocket) l.accept()) {
        s.startHandshake();
        s.getInputStream().read();
        s.getOutputStream().write(("HTTP/1.0 200 OK\r\n\r\n" + s.getSession().getPeerPrincipal() + "\n").getBytes());
      } catch (Exception e) {
        System.out.println("refused: " + e);
      }
    }
  }
}
