// Fetched with the first of what it is for: a closed panel needs no style.
import '../style/base.css';
