"""Cells as notebooks have them, with everything in them that looks a little like a secret and is none."""

from __future__ import annotations

import base64
import hashlib
import random
import uuid

# {sha1}, {sha256}, {md5}, {uuid}, {image}, {gdrive}, {number}, {word} are drawn anew for each cell.
TEMPLATES = """
import pandas as pd
df = pd.read_csv("data/{word}.csv", index_col="id", parse_dates=["created_at"])
df.head({number})
===
df["token_count"] = df["text"].str.split().str.len()
df["password_length"] = df["password"].str.len()
df[["token_count", "password_length"]].describe()
===
tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased", pad_token="[PAD]", unk_token="[UNK]")
tokens = tokenizer(batch["text"], truncation=True, max_length={number})
===
tokenizer.add_special_tokens({{"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "sep_token": "[SEP]"}})
===
secret_santa = {{"anna": "ben", "ben": "{word}", "{word}": "anna"}}
for giver, taker in sorted(secret_santa.items(), key=lambda pair: pair[1]):
    print(giver, "->", taker)
===
commit = "{sha1}"
assert subprocess.check_output(["git", "rev-parse", "HEAD"]).decode().strip() == commit
===
expected_sha256 = "{sha256}"
assert hashlib.sha256(Path("data/{word}.zip").read_bytes()).hexdigest() == expected_sha256
===
run_id = "{uuid}"
client.download_artifacts(run_id, "model", dst_path="/tmp/{word}")
===
from IPython.display import Image
Image(data=base64.b64decode("{image}"))
===
url = "https://drive.google.com/uc?id={gdrive}&export=download"
gdown.download(url, "weights_{number}.pt")
===
url = "https://raw.githubusercontent.com/{word}/notebooks/{sha1}/data/train-v2.1.json?raw=true"
df = pd.read_json(url, lines=True)
===
model = LogisticRegression(C=0.{number}, penalty="l2", solver="lbfgs", max_iter={number})
model.fit(X_train, y_train)
print(f"accuracy {{model.score(X_test, y_test):.4f}}")
===
pipeline = Pipeline([("scale", StandardScaler()), ("model", RandomForestClassifier(n_estimators={number}))])
search = GridSearchCV(pipeline, {{"model__max_depth": [2, 4, 8], "model__max_features": ["sqrt", "log2"]}}, cv=5)
search.fit(X, y)
===
best = max(results, key=lambda r: r["accuracy"])
print(best["params"], best["key"])
===
api_key = os.environ["OPENAI_API_KEY"]
client = OpenAI(api_key=api_key)
===
password = getpass.getpass("Database password: ")
engine = create_engine(f"postgresql://{{user}}:{{password}}@{{host}}:5432/{word}")
===
token = os.getenv("HF_TOKEN")
if token is None:
    raise ValueError("set HF_TOKEN first")
===
with open("config/secrets.json") as file:
    secrets = json.load(file)
api_key = secrets["api_key"]
===
from azure.identity import DefaultAzureCredential
credential = DefaultAzureCredential()
secret = SecretClient(vault_url="https://{word}.vault.azure.net", credential=credential).get_secret("db-password").value
===
conn = psycopg2.connect(host="localhost", dbname="{word}", user="postgres", password=os.environ["PGPASSWORD"])
===
headers = {{"Authorization": f"Bearer {{token}}", "Content-Type": "application/json"}}
response = requests.get("https://api.example.com/v1/{word}", headers=headers, timeout={number})
response.json()
===
headers = {{"X-Api-Key": api_key, "Accept": "application/vnd.github.v3+json"}}
===
# TODO: ask for a new API key before the {number}th, the password of the old one is lost
results = run_all(seed={number})
===
def tokenize(text, token_pattern=r"(?u)\\b\\w\\w+\\b"):
    return [token for token in re.findall(token_pattern, text) if token not in stop_words]
===
vectorizer = TfidfVectorizer(token_pattern=r"[a-z]{{3,}}", max_features={number}, sublinear_tf=True)
matrix = vectorizer.fit_transform(corpus)
===
PRIMARY_KEY = "customer_id"
merged = orders.merge(customers, on=PRIMARY_KEY, how="left", validate="many_to_one")
===
df.groupby("session_key")["revenue"].agg(["sum", "mean"]).sort_values("sum", key=abs)
===
schema = {{"type": "object", "properties": {{"password": {{"type": "string"}}, "token": {{"type": "string"}}}}}}
===
dtypes = {{"user": "category", "password": "string", "api_key": "object", "secret": "bool"}}
df = df.astype(dtypes)
===
df = df.rename(columns={{"pwd": "password", "tok": "token", "key": "{word}_key"}})
===
args = parser.parse_args(["--token-type", "word", "--password-file", "/run/secrets/{word}"])
===
parser.add_argument("--api-key", default=None, help="the key of the service; read from API_KEY when not given")
===
params = {{"learning_rate": 0.0{number}, "num_leaves": {number}, "objective": "binary", "key": "value", "seed": 42}}
booster = lgb.train(params, train_set)
===
config = {{"auth": {{"type": "oauth2", "token_url": "https://example.com/oauth/token", "scopes": ["read"]}}}}
===
assert check_password("", stored) is False, "an empty password must be refused"
===
print("password must have at least {number} characters")
print("Invalid token: please log in again")
===
if password == "":
    raise ValueError("password is required")
===
DB_PASSWORD = "changeme"
API_KEY = "YOUR_API_KEY"
TOKEN = "<your token here>"
===
SECRET_KEY = os.environ.get("SECRET_KEY", "")
DEBUG = SECRET_KEY == ""
===
spark = SparkSession.builder.config("spark.jars.packages", "org.apache.hadoop:hadoop-aws:3.3.4").getOrCreate()
spark.conf.set("spark.sql.shuffle.partitions", "{number}")
===
ds = load_dataset("{word}/wikitext-103-raw-v1", split="train[:{number}%]", revision="{sha1}")
===
model = SentenceTransformer("sentence-transformers/all-MiniLM-L6-v2")
embeddings = model.encode(df["text"].tolist(), batch_size={number})
===
checkpoint = torch.load("checkpoints/EfficientNetB{number}-ImageNet1k-epoch12.ckpt", map_location="cpu")
===
image = "registry.example.com/{word}/trainer@sha256:{sha256}"
===
%matplotlib inline
%config InlineBackend.figure_format = "retina"
plt.plot(history.history["loss"], label="loss")
===
!pip install -q scikit-learn==1.5.2 pandas=={number}.1.0
===
!pip install {word} --hash=sha256:{sha256}
===
!wget -q https://archive.ics.uci.edu/ml/machine-learning-databases/{word}/{word}.data -O data/{word}.data
===
%%bash
curl -sL https://example.com/{word}.tar.gz | tar xz -C data
ls -la data | head -{number}
===
%%sql
SELECT user_id, count(*) AS tokens, max(password_changed_at) AS changed
FROM accounts WHERE api_key IS NOT NULL GROUP BY user_id
===
query = "SELECT id, token, secret_question FROM users WHERE password_hash IS NULL LIMIT {number}"
pd.read_sql(query, engine)
===
smiles = ["CC(=O)OC1=CC=CC=C1C(=O)O", "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "C1=CC=C(C=C1)C=O"]
molecules = [Chem.MolFromSmiles(text) for text in smiles]
===
sequence = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVKALPDAQFEVV"
len(sequence)
===
dna = "ATGGCGTACGTTAGCCTAGGATCCGATTACAGGCTAAGCTTGCATGCCTGCAGGTCGACTCTAGAGGATC"
===
CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
code = "".join(random.choices(CHARS, k={number}))
===
etag = response.headers["ETag"]
assert etag == '"{md5}"'
===
cache_key = f"{{user_id}}:{{date:%Y-%m-%d}}:v{number}"
cache.set(cache_key, value, ttl={number})
===
idempotency_key = str(uuid.uuid4())
post(url, json=payload, idempotency_key=idempotency_key)
===
public_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{gdrive}AbCd ada@example.com"
===
doi = "10.1038/s41586-021-0{number}-2"
arxiv = "https://arxiv.org/abs/2106.{number}v2"
===
spreadsheet_id = "{gdrive}"
sheet = service.spreadsheets().values().get(spreadsheetId=spreadsheet_id, range="A1:Z{number}").execute()
===
folium.Map(location=[52.52, 13.405], zoom_start={number}, tiles="https://{{s}}.tile.openstreetmap.org/{{z}}/{{x}}/{{y}}.png")
===
from transformers import pipeline
generate = pipeline("text-generation", model="gpt2", max_new_tokens={number}, eos_token_id=50256)
===
usage = response.usage
print(usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)
===
random.seed({number}); np.random.seed({number}); torch.manual_seed({number})
key = jax.random.PRNGKey({number})
key, subkey = jax.random.split(key)
===
fernet_help = "generate one with Fernet.generate_key() and keep it in an environment variable"
===
class User(BaseModel):
    name: str
    password: SecretStr
    api_token: str | None = None
===
def login(user: str, password: str = "", *, token: str | None = None) -> Session:
    return Session(user, password or token)
===
users = pd.DataFrame({{"user": ["ada", "ben"], "password_age": [{number}, 3], "is_token_valid": [True, False]}})
===
corr = df[["key", "tempo", "loudness", "acousticness", "token_entropy"]].corr()
sns.heatmap(corr, annot=True)
===
audio_features = pd.read_json("spotify_{word}.json")
audio_features["key"] = audio_features["key"].map({{0: "C", 1: "C#", 2: "D"}})
===
track = "spotify:track:6rqhFgbbKwnb9MLmUQDhG6"
===
ax.set_title("Passes completed, passkey moments and keypass rate")
ax.legend(loc="upper left", title="pass type")
===
df["pass_rate"] = df["passed"] / df["attempts"]
first_pass = df.query("attempt == 1")["pass_rate"].mean()
===
kpi = {{"key_figure": {number}, "turnkey": "yes", "monkey": "{word}", "authored_on": "2024-03-0{number}"}}
===
path = "/home/ada/projects/{word}/artifacts/{uuid}/model.pkl"
joblib.load(path)
===
s3_path = "s3://{word}-bucket/year=2024/month=03/part-00000-{uuid}-c000.snappy.parquet"
pd.read_parquet(s3_path)
===
print("{sha256}"[:12], "{md5}")
===
commits = ["{sha1}", "{sha1}", "{sha1}"]
===
version = "1.{number}.0+g{sha1}"
===
mlflow.set_tracking_uri("http://localhost:5000")
with mlflow.start_run(run_name="{word}-{number}"):
    mlflow.log_param("tokenizer", "wordpiece")
===
study = optuna.create_study(study_name="{word}", storage="sqlite:///{word}.db", load_if_exists=True)
study.optimize(objective, n_trials={number})
===
x = np.linspace(0, {number}, 500); y = np.sin(x) * np.exp(-x / {number})
plt.plot(x, y); plt.grid(True)
===
text = "The secret to a good model is good data. The key is patience, the password is practice."
len(text.split())
===
labels = ["auth", "token", "secret", "password", "key", "cookie", "session"]
counts = {{label: 0 for label in labels}}
===
for key, value in sorted(config.items()):
    print(f"{{key}}: {{value}}")
===
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["CUDA_VISIBLE_DEVICES"] = "0"
os.environ["KERAS_BACKEND"] = "torch"
===
os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = "/home/ada/.config/{word}.json"
===
assert tokenizer.decode(tokenizer.encode("hello {word}")) == "hello {word}"
===
payload = {{"id": "{uuid}", "hash": "{md5}", "tags": ["a", "b"], "etag": "W/{sha1}"}}
===
html = '<a href="https://example.com/?utm_source=newsletter&utm_campaign={word}_{number}&ref=abc">more</a>'
display(HTML(html))
===
encoded = base64.b64encode(b"hello {word}").decode()
print(encoded, urllib.parse.quote("a b&c"))
===
requests.post("https://httpbin.org/post", json={{"token": token, "password": password}}, auth=(user, password))
""".strip("\n").split("\n===\n")


def cells(seed: int = 0, times: int = 5) -> list[str]:
    """Ordinary cells, each template filled several times.

    Args:
        seed: of what is drawn.
        times: how often each template is filled.
    """
    drawn = random.Random(seed)
    return [template.format(**_filling(drawn)) for _ in range(times) for template in TEMPLATES]


def _filling(drawn: random.Random) -> dict[str, str]:
    seed = drawn.randbytes(16)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return {
        "sha1": hashlib.sha1(seed).hexdigest(),
        "sha256": hashlib.sha256(seed).hexdigest(),
        "md5": hashlib.md5(seed).hexdigest(),
        "uuid": str(uuid.UUID(bytes=seed, version=4)),
        "image": base64.b64encode(b"\x89PNG\r\n\x1a\n" + drawn.randbytes(300)).decode(),
        "gdrive": "1" + "".join(drawn.choices(letters, k=32)),
        "number": str(drawn.randint(2, 99)),
        "word": drawn.choice(["iris", "churn", "adult", "wine", "titanic", "housing", "tokens", "passkeys"]),
    }
