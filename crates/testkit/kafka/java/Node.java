import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs one Kafka node that cannot outlive the process that started it.
 *
 * The starter holds the other end of this process's standard input and never writes to it. However the starter ends,
 * kill -9 included, the pipe closes; then the node deletes its directory and halts.
 *
 * Arguments: the node's directory, which holds server.properties.
 */
public final class Node {
    private static final Duration DELETION_LIMIT = Duration.ofSeconds(10);

    public static void main(String[] args) {
        Path directory = Path.of(args[0]);
        Thread watcher = new Thread(() -> haltWhenOrphaned(directory), "orphan-watcher");
        watcher.setDaemon(true);
        watcher.start();
        long starter = parent();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            // A stopped node whose starter is gone gets a SIGHUP when the kernel wakes it, and would shut down as it
            // is: the watcher comes first.
            if (parent() != starter) {
                joinQuietly(watcher);
            }
        }));
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
        // The broker notices that its files vanish, and would end the process before all of them are gone.
        Exit.setHaltProcedure((status, message) -> sleepForEver());
        Exit.setExitProcedure((status, message) -> sleepForEver());
        long deadline = System.nanoTime() + DELETION_LIMIT.toNanos();
        // Its threads still make files meanwhile, so once is not enough.
        while (Files.exists(directory) && System.nanoTime() < deadline) {
            deleteTree(directory);
        }
        // The last node to go takes the cluster's directory along; for the others it is not empty yet.
        deleteQuietly(directory.getParent());
        Runtime.getRuntime().halt(137);
    }

    private static void deleteTree(Path root) {
        List<Path> paths;
        try (Stream<Path> walk = Files.walk(root)) {
            paths = walk.sorted(Comparator.reverseOrder()).collect(Collectors.toList());
        } catch (IOException | RuntimeException changedMeanwhile) {
            return;
        }
        paths.forEach(Node::deleteQuietly);
    }

    private static void deleteQuietly(Path path) {
        try {
            Files.deleteIfExists(path);
        } catch (IOException notEmpty) {
            // Somebody put something into it: the caller looks again.
        }
    }

    private static long parent() {
        return ProcessHandle.current().parent().map(ProcessHandle::pid).orElse(-1L);
    }

    private static void joinQuietly(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException impatient) {
            // Then it ends without.
        }
    }

    private static void sleepForEver() {
        while (true) {
            try {
                Thread.sleep(Long.MAX_VALUE);
            } catch (InterruptedException ignored) {
                // Nobody has anything better for this thread to do.
            }
        }
    }
}
