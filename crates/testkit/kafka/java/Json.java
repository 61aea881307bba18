import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Base64;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;

/** Records as lines of JSON, bytes in base64, so that null, empty and binary stay apart. */
final class Json {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private Json() {}

    static ObjectNode object() {
        return MAPPER.createObjectNode();
    }

    static JsonNode parse(String line) {
        try {
            return MAPPER.readTree(line);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static String text(byte[] bytes) {
        return bytes == null ? null : Base64.getEncoder().encodeToString(bytes);
    }

    static byte[] bytes(JsonNode text) {
        return text == null || text.isNull() ? null : Base64.getDecoder().decode(text.asText());
    }

    static ArrayNode array(Headers headers) {
        ArrayNode array = MAPPER.createArrayNode();
        for (Header header : headers) {
            array.addArray().add(header.key()).add(text(header.value()));
        }
        return array;
    }

    static Headers headers(JsonNode array) {
        Headers headers = new RecordHeaders();
        for (JsonNode pair : array) {
            headers.add(pair.get(0).asText(), bytes(pair.get(1)));
        }
        return headers;
    }
}
