import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.Random;
import java.util.Set;
import org.apache.kafka.common.utils.Utils;

/**
 * Prints what the Java client hashes keys to, one line a key: the key in hex, a tab, its murmur2 as a signed number.
 *
 * The lines are the same on every run; scripts/fetch-kafka says how this is compiled, and
 * crates/engine/tests/data/murmur2-vectors.txt is what it printed.
 */
public final class Murmur2Vectors {
    public static void main(String[] args) {
        Set<String> keys = new LinkedHashSet<>();
        // Every length of the tail after whole words of four, several times over, and every value of a single byte.
        Random random = new Random(42);
        for (int length = 0; length <= 40; length++) {
            for (int i = 0; i < 6; i++) {
                byte[] key = new byte[length];
                random.nextBytes(key);
                keys.add(hex(key));
            }
        }
        for (int value = 0; value < 256; value++) {
            keys.add(hex(new byte[] {(byte) value}));
        }
        // The sign bit set in each place of a word and its tail, where a port that widens bytes goes wrong.
        for (int length = 1; length <= 9; length++) {
            byte[] zeros = new byte[length];
            keys.add(hex(zeros));
            for (int place = 0; place < length; place++) {
                byte[] key = new byte[length];
                key[place] = (byte) 0x80;
                keys.add(hex(key));
                key[place] = (byte) 0xff;
                keys.add(hex(key));
            }
        }
        for (String text : new String[] {
            "a", "key", "order-1", "order-12345", "user:4711", "Stra\u00dfe", "\u00fc", "\u65e5\u672c\u8a9e",
            "\ud83e\udd99 guanaco", "e\u0301", "null", "0", "00000000-0000-0000-0000-000000000000"
        }) {
            keys.add(hex(text.getBytes(StandardCharsets.UTF_8)));
        }
        for (int number = -2; number <= 2; number++) {
            keys.add(hex(java.nio.ByteBuffer.allocate(4).putInt(number).array()));
            keys.add(hex(java.nio.ByteBuffer.allocate(8).putLong(number).array()));
        }
        for (int length : new int[] {63, 64, 65, 255, 256, 257, 1000, 1023}) {
            byte[] key = new byte[length];
            random.nextBytes(key);
            keys.add(hex(key));
        }
        StringBuilder lines = new StringBuilder();
        for (String key : keys) {
            lines.append(key).append('\t').append(Utils.murmur2(HexFormat.of().parseHex(key))).append('\n');
        }
        System.out.print(lines);
    }

    private static String hex(byte[] key) {
        return HexFormat.of().formatHex(key);
    }
}
