// Fetched with the first of what it is for: a closed panel needs no style.
import '../style/base.css';
import '../style/sections.css';
import '../style/documents.css';
import '../style/tables.css';
import '../style/forms.css';
import '../style/lineage.css';
import '../style/notebook.css';
