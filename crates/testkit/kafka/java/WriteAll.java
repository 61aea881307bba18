import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Writes with the Java producer what standard input holds, one line of JSON a record, and prints where each went.
 *
 * Arguments: bootstrap servers, topic, then producer properties as key=value.
 */
public final class WriteAll {
    public static void main(String[] args) throws IOException, InterruptedException, ExecutionException {
        String topic = args[1];
        Properties properties = new Properties();
        properties.put("bootstrap.servers", args[0]);
        properties.put("delivery.timeout.ms", "40000");
        properties.put("request.timeout.ms", "10000");
        // Batches of more than one record, or compression shows nothing.
        properties.put("linger.ms", "100");
        for (int i = 2; i < args.length; i++) {
            String[] pair = args[i].split("=", 2);
            properties.put(pair[0], pair[1]);
        }
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        StringBuilder answers = new StringBuilder();
        try (KafkaProducer<byte[], byte[]> producer =
                new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer())) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (String line = input.readLine(); line != null; line = input.readLine()) {
                sent.add(producer.send(record(topic, Json.parse(line))));
            }
            producer.flush();
            for (Future<RecordMetadata> future : sent) {
                RecordMetadata metadata = future.get();
                ObjectNode answer = Json.object();
                answer.put("partition", metadata.partition());
                answer.put("offset", metadata.offset());
                answer.put("timestamp", metadata.timestamp());
                answers.append(answer).append('\n');
            }
        }
        System.out.print(answers);
    }

    private static ProducerRecord<byte[], byte[]> record(String topic, JsonNode line) {
        JsonNode partition = line.get("partition");
        JsonNode timestamp = line.get("timestamp");
        return new ProducerRecord<>(
                topic,
                partition.isNull() ? null : partition.asInt(),
                timestamp.isNull() ? null : timestamp.asLong(),
                Json.bytes(line.get("key")),
                Json.bytes(line.get("value")),
                Json.headers(line.get("headers")));
    }
}
