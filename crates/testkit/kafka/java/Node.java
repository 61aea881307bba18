import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;

/**
 * Runs one Kafka node that cannot outlive the process that started it.
 *
 * The starter holds the other end of this process's standard input and never writes to it. However the starter ends,
 * kill -9 included, the pipe closes; then the node deletes its directory and halts.
 *
 * Arguments: the node's directory, which holds server.properties.
 */
public final class Node {
    public static void main(String[] args) {
        Path directory = Path.of(args[0]);
        Thread watcher = new Thread(() -> haltWhenOrphaned(directory), "orphan-watcher");
        watcher.setDaemon(true);
        watcher.start();
        kafka.Kafka.main(new String[] {directory.resolve("server.properties").toString()});
    }

    private static void haltWhenOrphaned(Path directory) {
        try {
            while (System.in.read() >= 0) {
                // Nothing is ever sent; only the end of the stream means something.
            }
        } catch (IOException closed) {
            // As good as the end of the stream.
        }
        deleteTree(directory);
        // The last node to go takes the cluster's directory along; for the others it is not empty yet.
        deleteQuietly(directory.getParent());
        Runtime.getRuntime().halt(137);
    }

    private static void deleteTree(Path root) {
        try (Stream<Path> paths = Files.walk(root)) {
            paths.sorted(Comparator.reverseOrder()).forEach(Node::deleteQuietly);
        } catch (IOException | RuntimeException goneMeanwhile) {
            // The broker's own threads still delete and create files: what is left stays.
        }
    }

    private static void deleteQuietly(Path path) {
        try {
            Files.deleteIfExists(path);
        } catch (IOException notEmpty) {
            // See deleteTree.
        }
    }
}
